#!/bin/sh
# Installs or upgrades the service from the wheels in dist/: deploy/install.sh PHOTOS [OPTION of serve…]
set -eu
cd "$(dirname "$0")/.."

home=/opt/lookalike
unit=/etc/systemd/system/lookalike.service

die() {
    echo "error: $*" >&2
    exit 1
}

[ $# -ge 1 ] || die "give the folder with the photos: deploy/install.sh PHOTOS [OPTION of serve…]"
[ "$(id -u)" = 0 ] || die "only root may install a service: sudo $0 $*"
photos=$(realpath "$1")
shift
[ -d "$photos" ] || die "$photos is not a folder"
case "$photos" in *[\"\\\$%]*) die "$photos: a service can't use a name with \" \\ \$ or %" ;; esac
for file in dist/lookalike-*.whl dist/lookalike_model_*.whl; do
    [ -f "$file" ] || die "$file is not there; make it on a workstation (make release) and copy dist/"
done

python3 -m venv "$home"
for file in dist/lookalike-*.whl; do
    "$home/bin/pip" install --quiet --disable-pip-version-check "${file}[all]"
done
# The files may have changed under the same version.
"$home/bin/pip" install --quiet --disable-pip-version-check --no-deps --force-reinstall dist/*.whl
ln -sf "$home/bin/lookalike" /usr/local/bin/lookalike

install -m 644 deploy/lookalike.service "$unit"
mkdir -p "$unit.d"
cat > "$unit.d/library.conf" <<EOF
[Service]
Environment="GALLERY=$photos" "OPTIONS=$*"
ReadOnlyPaths="-$photos"
EOF
systemctl daemon-reload
systemctl enable --quiet lookalike
systemctl restart lookalike
echo "$("$home/bin/lookalike" --version) serves $photos; journalctl -u lookalike shows its log"
