#!/bin/sh
# Signs dist/SHA256SUMS, and with it all that it names, by the key of who makes the release: sh deploy/sign.sh KEY. KEY is made once, by
# ssh-keygen -t ed25519 -f KEY, with a passphrase, and stays with him. dist/choriste.signers is its public half, for whoever verifies: it is to be published
# elsewhere than the packages, so that who replaces these cannot replace it, too.
set -eu
key=$(realpath "$1")
cd "$(dirname "$0")/../dist"
sha256sum --check --quiet SHA256SUMS
rm -f SHA256SUMS.sig
ssh-keygen -Y sign -f "$key" -n choriste-release SHA256SUMS
printf 'release@choriste namespaces="choriste-release" %s\n' "$(ssh-keygen -y -f "$key" | cut -d ' ' -f 1,2)" >choriste.signers
ssh-keygen -Y verify -f choriste.signers -I release@choriste -n choriste-release -s SHA256SUMS.sig <SHA256SUMS
