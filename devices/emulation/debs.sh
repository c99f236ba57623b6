#!/usr/bin/env bash
# Unpack Debian packages for arm64, with all they depend on, into a folder.
#
#     devices/emulation/debs.sh FOLDER PACKAGE...
#
# They come from the machine's own apt sources, their signatures checked, through a private apt root:
# nothing of the machine changes, and root is not needed.
set -euo pipefail
if [ $# -lt 2 ]; then
    echo "usage: $0 FOLDER PACKAGE..." >&2
    exit 2
fi
mkdir -p "$1"
folder=$(cd "$1" && pwd)
shift
apt=$(mktemp -d)
trap 'rm -rf "$apt"' EXIT

mkdir -p "$apt"/{lists/partial,cache/archives/partial,state}
: >"$apt/state/status"
options=(
    -o APT::Architecture=arm64 -o APT::Architectures=arm64
    -o Dir::State="$apt/state" -o Dir::State::status="$apt/state/status"
    -o Dir::State::lists="$apt/lists" -o Dir::Cache="$apt/cache"
    -o Debug::NoLocking=1 -o APT::Install-Recommends=false -o APT::Sandbox::User="$(id -un)"
    -o Acquire::Languages=none -o Dir::Etc::parts=/nonexistent -qq
)
apt-get "${options[@]}" update
apt-get "${options[@]}" --download-only --yes install "$@" >/dev/null
for archive in "$apt"/cache/archives/*.deb; do
    dpkg-deb -x "$archive" "$folder"
done
