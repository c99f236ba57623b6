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

make_sysroot() {
    if [ -x "$folder/sysroot/usr/bin/python3.11" ]; then
        return
    fi
    "$root/devices/emulation/debs.sh" "$folder/sysroot" \
        python3.11 libpython3.11-stdlib libstdc++6 libgomp1
}

# pip does not expand a platform tag downwards: every older one is listed.
install_packages() {
    if [ -d "$folder/$1" ]; then
        return
    fi
    "$python" -m pip install --quiet --target "$folder/$1" --only-binary=:all: \
        --platform manylinux_2_28_aarch64 --platform manylinux_2_27_aarch64 \
        --platform manylinux_2_17_aarch64 --platform manylinux2014_aarch64 \
        --implementation cp --python-version 3.11 --abi cp311 --abi abi3 --abi none \
        --constraint "$root/constraints.txt" "${@:2}"
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
install_packages site numpy safetensors typer rich
install_packages pytest pytest hypothesis
build_wheel
