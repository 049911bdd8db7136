#!/bin/sh
# Makes the files that compose.yaml reads: random passwords for the database, and the simulator's credentials. To leave
# the simulator, replace piste_client_secret and chorus_password. Files that exist are kept.
#
# choriste refuses a secret that anybody but its owner may read, and compose mounts the files as they are. So their owner
# must be the user of the containers: the image's own 65532 when this runs as root, else the caller, by way of .env. The
# two passwords are for PostgreSQL's container, whose user is another one: their folder protects them on this machine.
set -eu
cd "$(dirname "$0")/.."

umask 077
mkdir -p secrets

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
put() { [ -e "secrets/$1" ] || printf '%s\n' "$2" >"secrets/$1"; }

put owner_password "$(random)"
put worker_password "$(random)"
put owner_url "postgres://choriste:$(cat secrets/owner_password)@postgres:5432/choriste"
put worker_url "postgres://choriste_worker:$(cat secrets/worker_password)@postgres:5432/choriste"
put piste_client_secret sim-secret
put chorus_password sim-password

if [ "$(id -u)" = 0 ]; then
    uid=65532 gid=65532
    chown -R "$uid:$gid" secrets
else
    uid=$(id -u) gid=$(id -g)
fi
chmod 644 secrets/owner_password secrets/worker_password
if ! grep -qs '^CHORISTE_UID=' .env; then
    printf 'CHORISTE_UID=%s\nCHORISTE_GID=%s\n' "$uid" "$gid" >>.env
fi
echo "secrets/ and .env are ready: docker compose up"
