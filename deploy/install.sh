#!/bin/sh
# Installs or upgrades the service from this checkout: deploy/install.sh PHOTOS [OPTION of serve…]
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
for file in models/mobilenet_v2.tflite models/mobilenet_v2.json; do
    [ -f "$file" ] || die "$file is not there; make it on a workstation (make model) and copy it"
done

# Built from a copy: pip would leave traces of root's in the checkout.
source=$(mktemp -d)
trap 'rm -rf "$source"' EXIT
cp -R pyproject.toml README.md LICENSE requirements-edge.txt edge_app static "$source"

python3 -m venv "$home"
"$home/bin/pip" install --quiet --disable-pip-version-check "${source}[heif,qr,mdns]"
install -D -m 644 -t "$home/models" models/mobilenet_v2.tflite models/mobilenet_v2.json
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
