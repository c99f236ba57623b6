"""A disk that is full or read-only: refused in words, and what is in use stays in use."""

import os
import subprocess
from contextlib import contextmanager

import pytest

from bitprior_devices.deploying import deploy, pack
from bitprior_devices.errors import DeviceRefusedError
from bitprior_devices.remote import receive
from bitprior_devices.remote.layout import Layout
from bitprior_devices.remote.release import linked, verify_release
from bitprior_devices.ssh import Destination

pytestmark = [
    pytest.mark.usefixtures("here"),
    pytest.mark.skipif(os.getuid() != 0, reason="only root mounts a small file system"),
]
BOARD = Destination("here")


@contextmanager
def small_disk(folder, kilobytes):
    """Mount a file system of that size."""
    folder.mkdir()
    size = f"size={kilobytes}k"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"mounting is not allowed here: {mounted.stderr.decode()}")
    try:
        yield Layout(folder)
    finally:
        subprocess.run(["umount", folder], check=True)


def send(bundle, layout):
    return deploy(pack(bundle, []), BOARD, lambda name: None, root=str(layout.root))


def test_a_disk_without_room_is_refused_before_anything_is_sent(tmp_path, two_bundles):
    with small_disk(tmp_path / "disk", 512) as layout:
        with pytest.raises(DeviceRefusedError, match="of free space on the board") as caught:
            send(two_bundles[0], layout)
        assert caught.value.exit_code == 5
        assert linked(layout.current) is None


def test_a_disk_that_fills_up_meanwhile_leaves_what_was_in_use(monkeypatch, tmp_path, two_bundles):
    monkeypatch.setattr(receive, "_check_space", lambda *_: None)
    with small_disk(tmp_path / "disk", 64) as layout:
        first = send(two_bundles[0], layout)
        filler = layout.root / "filler"
        filler.write_bytes(bytes(44 * 1024))
        with pytest.raises(DeviceRefusedError, match="No space left on device") as caught:
            send(two_bundles[1], layout)
        assert "free space" in caught.value.todo
        assert verify_release(layout, linked(layout.current)).digest == first.release
        assert not list(layout.incoming.rglob("*.part"))
        filler.unlink()
        assert send(two_bundles[1], layout).previous == first.release


def test_a_read_only_disk_leaves_what_was_in_use(tmp_path, two_bundles):
    with small_disk(tmp_path / "disk", 4096) as layout:
        first = send(two_bundles[0], layout)
        subprocess.run(["mount", "-o", "remount,ro", layout.root], check=True)
        with pytest.raises(DeviceRefusedError, match="Read-only file system") as caught:
            send(two_bundles[1], layout)
        assert "read-write" in caught.value.todo
        assert verify_release(layout, linked(layout.current)).digest == first.release
        subprocess.run(["mount", "-o", "remount,rw", layout.root], check=True)
        assert send(two_bundles[1], layout).previous == first.release
