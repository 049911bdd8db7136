#!/bin/sh
# What `choriste init` and the worker wrote stays, also after a purge: /etc/choriste has the only copy of passwords of PostgreSQL, and /var/lib/choriste knows what was sent.
set -e
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload || true
fi
if [ "$1" = purge ] && [ -e /etc/choriste/choriste.env ]; then
    echo "kept: /etc/choriste (settings and secrets), /var/lib/choriste (what was sent), and the database"
fi
