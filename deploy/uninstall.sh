#!/bin/sh
# Removes the service; with --index the index too, which a new installation would have to make again.
set -eu

[ "$(id -u)" = 0 ] || {
    echo "error: only root may remove a service: sudo $0 $*" >&2
    exit 1
}
systemctl disable --quiet --now edge-gallery
rm -rf /etc/systemd/system/edge-gallery.service /etc/systemd/system/edge-gallery.service.d
systemctl daemon-reload
rm -rf /opt/edge-gallery /usr/local/bin/edge-app
if [ "${1:-}" = --index ]; then
    rm -rf /var/lib/private/edge-gallery /var/lib/edge-gallery
fi
