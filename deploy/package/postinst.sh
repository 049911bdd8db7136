#!/bin/sh
# After the files are there: the user, the directory's group, and the new version in place of a running one.
set -e
[ "$1" = configure ] || exit 0

if command -v systemd-sysusers >/dev/null; then
    systemd-sysusers choriste.conf
elif ! getent passwd choriste >/dev/null; then
    adduser --system --group --no-create-home --home /var/lib/choriste --shell /usr/sbin/nologin choriste
fi
# The worker reads its own files there, and writes none.
chown root:choriste /etc/choriste
chmod 0750 /etc/choriste

if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    # Only what runs already: choriste-migrate comes before it. A first installation waits for `choriste init`.
    systemctl try-restart choriste.service
fi
if [ ! -e /etc/choriste/choriste.env ]; then
    echo "choriste is installed. Next: choriste init (see /usr/share/doc/choriste/setup.md)"
fi
