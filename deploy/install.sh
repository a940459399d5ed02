#!/bin/sh
# Installs or upgrades the service from this checkout: deploy/install.sh PHOTOS [OPTION of serve…]
set -eu
cd "$(dirname "$0")/.."

home=/opt/edge-gallery
unit=/etc/systemd/system/edge-gallery.service

die() {
    echo "error: $*" >&2
    exit 1
}

[ $# -ge 1 ] || die "name the folder with the photos: deploy/install.sh PHOTOS [OPTION of serve…]"
[ "$(id -u)" = 0 ] || die "only root may install a service: sudo $0 $*"
photos=$(realpath "$1")
shift
[ -d "$photos" ] || die "$photos is no folder"
case "$photos" in *[\"\\\$%]*) die "$photos: a service can't be given a name with \" \\ \$ or %" ;; esac
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
ln -sf "$home/bin/edge-app" /usr/local/bin/edge-app

install -m 644 deploy/edge-gallery.service "$unit"
mkdir -p "$unit.d"
cat > "$unit.d/library.conf" <<EOF
[Service]
Environment="GALLERY=$photos" "OPTIONS=$*"
ReadOnlyPaths="-$photos"
EOF
systemctl daemon-reload
systemctl enable --quiet edge-gallery
systemctl restart edge-gallery
echo "$("$home/bin/edge-app" --version) serves $photos; journalctl -u edge-gallery says how it fares"
