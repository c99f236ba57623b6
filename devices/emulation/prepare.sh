#!/usr/bin/env bash
# Make an arm64 Python with numpy and this project's wheel, to be run under qemu-user.
#
#     devices/emulation/prepare.sh FOLDER
#
# FOLDER is made, or brought up to date: what does not change (sysroot, numpy) is kept.
set -euo pipefail
if [ $# -ne 1 ]; then
    echo "usage: $0 FOLDER" >&2
    exit 2
fi
root=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$1"
folder=$(cd "$1" && pwd)
python=${PYTHON:-python3}

install_tools() {
    if command -v qemu-aarch64-static >/dev/null && command -v aarch64-linux-gnu-gcc >/dev/null; then
        return
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        qemu-user-static gcc-aarch64-linux-gnu libc6-dev-arm64-cross >/dev/null
}

# A private apt root for arm64 with the machine's own sources: nothing of the machine changes.
make_sysroot() {
    if [ -x "$folder/sysroot/usr/bin/python3.11" ]; then
        return
    fi
    apt=$folder/apt
    mkdir -p "$apt"/{lists/partial,cache/archives/partial,state} "$folder/sysroot"
    : >"$apt/state/status"
    options=(
        -o APT::Architecture=arm64 -o APT::Architectures=arm64
        -o Dir::State="$apt/state" -o Dir::State::status="$apt/state/status"
        -o Dir::State::lists="$apt/lists" -o Dir::Cache="$apt/cache"
        -o Debug::NoLocking=1 -o APT::Install-Recommends=false -o APT::Sandbox::User=root
        -o Dir::Etc::parts=/nonexistent -qq
    )
    apt-get "${options[@]}" update
    apt-get "${options[@]}" --download-only --yes install \
        python3.11 libpython3.11-stdlib libstdc++6 libgomp1 >/dev/null
    for archive in "$apt"/cache/archives/*.deb; do
        dpkg-deb -x "$archive" "$folder/sysroot"
    done
    rm -rf "$apt"
}

# pip does not expand a platform tag downwards: every older one is listed.
install_packages() {
    if [ -d "$folder/site/numpy" ]; then
        return
    fi
    "$python" -m pip install --quiet --target "$folder/site" --only-binary=:all: \
        --platform manylinux_2_28_aarch64 --platform manylinux_2_27_aarch64 \
        --platform manylinux_2_17_aarch64 --platform manylinux2014_aarch64 \
        --implementation cp --python-version 3.11 --abi cp311 --abi abi3 --abi none \
        --constraint "$root/constraints.txt" numpy safetensors typer rich
}

build_wheel() {
    rm -rf "$folder/dist"
    (cd "$root" && CC=aarch64-linux-gnu-gcc BITPRIOR_TARGET_PLATFORM=linux_aarch64 \
        "$python" -m build --quiet --wheel --no-isolation --outdir "$folder/dist")
    rm -rf "$folder"/site/bitprior*
    "$python" -c '
import sys, zipfile
for wheel in sys.argv[2:]:
    zipfile.ZipFile(wheel).extractall(sys.argv[1])
' "$folder/site" "$folder"/dist/*.whl
}

install_tools
make_sysroot
install_packages
build_wheel
