#!/bin/sh
# Before the files go: what runs is stopped in an orderly way. An upgrade restarts it afterwards.
set -e
[ "$1" = remove ] || exit 0
if [ -d /run/systemd/system ]; then
    systemctl --no-reload disable --now choriste-reconcile.timer choriste-digest.timer choriste.service || true
fi
