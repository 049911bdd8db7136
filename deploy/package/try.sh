#!/bin/sh
# Installs a package into a root of its own and runs what can be run without a running systemd: the binary, the units' words, the user, the scripts. Needs root.
#
# With debootstrap the root is a Debian, and dpkg itself installs; without it, the root holds the package's files and a shell, and the scripts are run by hand.
set -eu
deb=$(realpath "$1")
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
[ "$(id -u)" = 0 ] || { echo "try.sh needs root, for chroot" >&2; exit 1; }

if command -v debootstrap >/dev/null && debootstrap --variant=minbase --include=ca-certificates,adduser "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$root" >/dev/null; then
    cp "$deb" "$root/choriste.deb"
    chroot "$root" dpkg --install /choriste.deb
    chroot "$root" dpkg --verify choriste
    chroot "$root" getent passwd choriste
    chroot "$root" choriste version --json
    chroot "$root" choriste help env >/dev/null
else
    echo "no debootstrap, or no mirror: the files alone are tried"
    dpkg-deb --extract "$deb" "$root"
    chroot "$root" /usr/bin/choriste version --json
    chroot "$root" /usr/bin/choriste help env >/dev/null
    dpkg-deb --control "$deb" "$root/control"
    for script in postinst prerm postrm; do sh -n "$root/control/$script"; done
    command -v systemd-sysusers >/dev/null && systemd-sysusers --root="$root" choriste.conf && grep -q '^choriste:' "$root/etc/passwd"
fi
if command -v systemd-analyze >/dev/null; then
    for unit in choriste choriste-migrate choriste-reconcile choriste-digest; do
        systemd-analyze security --offline=true --threshold=20 --no-pager "$root/usr/lib/systemd/system/$unit.service" | tail -1
    done
fi
chroot "$root" /usr/bin/choriste version --json | grep -q '"commit":"[0-9a-f]\{40\}"' || { echo "the program does not say of which commit it is" >&2; exit 1; }
test "$(stat -c %a "$root/etc/choriste")" = 750
test -s "$root/usr/share/man/man1/choriste.1"
test -s "$root/usr/share/man/man1/choriste-webhooks.1"
test -s "$root/usr/share/doc/choriste/THIRD-PARTY-NOTICES.txt"
[ ! -x "$root/usr/bin/dpkg" ] || chroot "$root" dpkg --purge choriste
echo "the package installs"
