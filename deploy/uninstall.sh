#!/bin/sh
# Removes the service; with --index the index too, which a new installation would have to make again.
set -eu

[ "$(id -u)" = 0 ] || {
    echo "error: only root may remove a service: sudo $0 $*" >&2
    exit 1
}
systemctl disable --quiet --now lookalike
rm -rf /etc/systemd/system/lookalike.service /etc/systemd/system/lookalike.service.d
systemctl daemon-reload
rm -rf /opt/lookalike /usr/local/bin/lookalike
if [ "${1:-}" = --index ]; then
    rm -rf /var/lib/private/lookalike /var/lib/lookalike
fi
