"""A whole emulated arm64 machine, reached over real ssh: made by ``devices/emulation/machine.sh``."""

import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
EMULATOR = "qemu-system-aarch64"
# The name the documents use for the board: an alias in the ssh configuration of a test.
HOST = "raspberrypi"
BOOT_SECONDS = 180
DRIVES = (
    *("-netdev", "user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:22"),
    *("-device", "virtio-net-device,netdev=net"),
    *("-drive", "if=none,id=disk,format=raw,snapshot=on,file={folder}/disk.img"),
    *("-device", "virtio-blk-device,drive=disk", "-device", "virtio-rng-device"),
)


def folder():
    """Return where the machine lies; None unless the boot was asked for."""
    named = os.environ.get("BITPRIOR_BOARD")
    return Path(named).absolute() if named else None


def missing():
    """Say what is not there, or nothing."""
    place = folder()
    if place is None or not (place / "disk.img").is_file():
        return "make test-board boots a whole machine"
    return "" if shutil.which(EMULATOR) else f"{EMULATOR} is not installed: run make test-board"


@dataclass(frozen=True)
class Machine:
    """A machine that runs.

    Attributes:
        config: ssh configuration in which ``raspberrypi`` is the machine.
        known_hosts: The file it names; empty at first.
        boot_seconds: From power on to the first answer of its sshd.
    """

    config: Path
    known_hosts: Path
    boot_seconds: float

    def trust(self):
        """Write down its host key, as somebody who has seen it on the board would."""
        key = (folder() / "host_key.pub").read_text("ascii")
        self.known_hosts.write_text(f"{HOST} {key}", "ascii")

    def ssh(self, *words, user="pi", text=None):
        """Run a command on it over ssh, its host key known; return what it printed."""
        command = ["ssh", "-F", self.config, "-o", "StrictHostKeyChecking=yes", f"{user}@{HOST}"]
        done = subprocess.run(
            [*map(str, command), *words], input=text, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@contextmanager
def booted(scratch, megabytes, core):
    """Boot the machine, and switch it off at the end.

    Args:
        scratch: A folder for the ssh configuration and the console's text.
        megabytes: Its memory.
        core: Its CPU, e.g. ``cortex-a53``.
    """
    port = _free_port()
    drives = [word.format(port=port, folder=folder()) for word in DRIVES]
    console = scratch / "console.txt"
    started = time.perf_counter()
    with console.open("wb") as out:
        # setpriv: if the tests are killed, so is the machine.
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", EMULATOR, "-M", "virt", "-cpu", core]
            + ["-accel", "tcg,thread=multi", "-smp", "2", "-m", str(megabytes), "-nographic"]
            + ["-kernel", folder() / "kernel", "-initrd", folder() / "initrd", "-no-reboot"]
            + ["-append", "console=ttyAMA0 quiet panic=-1", *drives],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_for_sshd(process, port, console)
        yield _configured(scratch, port, time.perf_counter() - started)
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(30)


def switch_off(machine):
    """Shut it down from inside, file systems first."""
    machine.ssh("/sbin/poweroff", user="root")


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_for_sshd(process, port, console):
    deadline = time.monotonic() + BOOT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as connection:
                if connection.recv(4) == b"SSH-":
                    return
        except OSError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"no sshd in {BOOT_SECONDS} s:\n{console.read_text('utf-8', 'replace')}")


def _configured(scratch, port, seconds):
    key = scratch / "client_key"
    shutil.copyfile(folder() / "client_key", key)
    key.chmod(0o600)
    machine = Machine(scratch / "ssh_config", scratch / "known_hosts", seconds)
    machine.config.write_text(
        f"Host {HOST}\n  HostName 127.0.0.1\n  Port {port}\n  HostKeyAlias {HOST}\n"
        f"  IdentityFile {key}\n  IdentitiesOnly yes\n"
        f"  UserKnownHostsFile {machine.known_hosts}\n  GlobalKnownHostsFile none\n"
    )
    return machine
