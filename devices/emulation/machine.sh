#!/usr/bin/env bash
# Make a whole arm64 machine for qemu-system: a Debian kernel, a disk with Python and sshd, its keys.
#
#     devices/emulation/machine.sh FOLDER
#
# FOLDER gets kernel, initrd, disk.img, client_key and host_key.pub. A machine that is there already is
# kept: it is started from a snapshot, so that nothing a test does stays.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
if [ $# -ne 1 ]; then
    echo "usage: $0 FOLDER" >&2
    exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
folder=$(cd "$1" && pwd)
python=${PYTHON:-python3}
work=$folder/work
disk=$work/disk

install_tools() {
    missing=
    for tool in qemu-system-aarch64 cpio ssh mke2fs; do
        command -v "$tool" >/dev/null || missing=$tool
    done
    if [ -z "$missing" ]; then
        return
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        qemu-system-arm cpio openssh-client e2fsprogs >/dev/null
}

# The smallest Debian that answers ssh and runs Python. busybox does what an init system would.
unpack() {
    "$here/debs.sh" "$disk" linux-image-cloud-arm64 busybox-static base-files bash dash coreutils \
        libc-bin libgomp1 libstdc++6 openssh-server python3
    mv "$disk"/boot/vmlinuz-* "$folder/kernel"
    mv "$disk"/lib/modules "$work/modules"
    rm -rf "$disk"/boot/* "$disk"/usr/share/{doc,man,locale,info,perl} "$disk"/usr/lib/*/perl* \
        "$disk"/lib/{systemd,udev} "$disk"/usr/lib/python3/dist-packages
}

# apt would have run the packages' own scripts; what sshd and Python need of them is done here.
configure() {
    printf '%s\n' root:x:0:0:root:/root:/bin/bash pi:x:1000:1000::/home/pi:/bin/bash \
        sshd:x:101:65534::/run/sshd:/usr/sbin/nologin >"$disk/etc/passwd"
    printf '%s\n' root:x:0: pi:x:1000: nogroup:x:65534: >"$disk/etc/group"
    printf '%s\n' 'root:*:::::::' 'pi:*:::::::' >"$disk/etc/shadow"
    echo '127.0.0.1 localhost emulated' >"$disk/etc/hosts"
    mkdir -p "$disk"/{home/pi,root,proc,sys,dev,run,tmp,etc/ssh}
    ln -sf dash "$disk/bin/sh"
    ln -sf /bin/busybox "$disk/sbin/init"
    ln -sf /bin/busybox "$disk/sbin/poweroff"
    cp "$here/guest/inittab" "$disk/etc/inittab"
    cp "$here/guest/sshd_config" "$disk/etc/ssh/sshd_config"
    install -m 755 "$here/guest/start" "$disk/etc/start"
    # Without these, every command over ssh would compile the library again: pi may not write there.
    "$python" -m compileall -q -j 0 -s "$disk" -p / "$disk/usr/lib/python3.11" >/dev/null || true
}

make_keys() {
    rm -f "$folder"/{client_key,host_key}{,.pub}
    ssh-keygen -q -t ed25519 -N '' -C test -f "$folder/client_key"
    ssh-keygen -q -t ed25519 -N '' -C emulated -f "$folder/host_key"
    cp "$folder/client_key.pub" "$disk/etc/ssh/authorized_keys"
    mv "$folder/host_key" "$disk/etc/ssh/ssh_host_ed25519_key"
    cp "$folder/host_key.pub" "$disk/etc/ssh/ssh_host_ed25519_key.pub"
}

make_initrd() {
    mkdir -p "$work/initrd"/{bin,modules,proc,sys,dev,disk}
    cp "$disk/bin/busybox" "$work/initrd/bin/busybox"
    for name in sh mount insmod sleep switch_root; do
        ln -s busybox "$work/initrd/bin/$name"
    done
    install -m 755 "$here/guest/initrd_init" "$work/initrd/init"
    for name in virtio_ring virtio virtio_mmio virtio-rng failover net_failover virtio_net virtio_blk; do
        find "$work/modules" -name "$name.ko" -exec cp {} "$work/initrd/modules/" \;
    done
    (cd "$work/initrd" && find . | cpio --quiet -o -H newc | gzip -1) >"$folder/initrd"
}

if [ -f "$folder/disk.img" ]; then
    exit
fi
rm -rf "$work"
install_tools
unpack
configure
make_keys
make_initrd
truncate -s 2G "$work/disk.img"
mke2fs -q -F -t ext4 -O ^has_journal -d "$disk" "$work/disk.img"
mv "$work/disk.img" "$folder/disk.img"
rm -rf "$work"
