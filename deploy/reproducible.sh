#!/bin/sh
# Builds the last commit twice, each time in a clone of its own under another name, and compares the binaries byte by byte.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for copy in one a/longer/second; do
    git clone --quiet --no-hardlinks . "$work/$copy"
    for arch in amd64 arm64; do
        (cd "$work/$copy" && CGO_ENABLED=0 GOOS=linux GOARCH=$arch go build -buildvcs=true -trimpath -ldflags="-s -w -buildid=" -o "choriste_$arch" ./cmd/choriste)
    done
done
for arch in amd64 arm64; do
    cmp "$work/one/choriste_$arch" "$work/a/longer/second/choriste_$arch"
    sha256sum "$work/one/choriste_$arch" | sed "s#$work/one/##"
done
echo "the same, twice"
