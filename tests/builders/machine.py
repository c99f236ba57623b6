"""A whole emulated arm64 machine, made by ``devices/emulation/machine.sh``, over real ssh."""

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
BOOT_SECONDS, OFF_SECONDS = 180, 60
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
        process: The emulator.
        console: What the machine printed, a file.
        config: ssh configuration in which ``raspberrypi`` is the machine.
        known_hosts: The file it names; there is none at first.
        boot_seconds: From power on to the first answer of its sshd.
    """

    process: subprocess.Popen
    console: Path
    config: Path
    known_hosts: Path
    boot_seconds: float

    def ssh(self, command, user="pi", data=b""):
        """Run a command on it, its host key known; return what it printed."""
        options = ["-F", self.config, "-o", "StrictHostKeyChecking=yes", "-o", "LogLevel=ERROR"]
        words = ["ssh", *options, f"{user}@{HOST}", command]
        done = subprocess.run(words, input=data, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.decode("utf-8")

    def switch_off(self):
        """Shut it down from inside, file systems first; return how the emulator ended."""
        self.ssh("/sbin/poweroff", user="root")
        return self.process.wait(OFF_SECONDS)


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
    command = ["setpriv", "--pdeathsig", "TERM"]  # if the tests are killed, so is the machine
    command += [EMULATOR, "-M", "virt", "-cpu", core, "-accel", "tcg,thread=multi", "-smp", "2"]
    command += ["-m", str(megabytes), "-nographic", "-no-reboot"]
    command += ["-kernel", folder() / "kernel", "-initrd", folder() / "initrd"]
    command += ["-append", "console=ttyAMA0 quiet panic=-1", *drives]
    with console.open("wb") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        _wait_for_sshd(process, port, console)
        seconds = time.perf_counter() - started
        yield Machine(process, console, *_configured(scratch, port), seconds)
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(30)


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


def _configured(scratch, port):
    """Write an ssh configuration; return it and the known_hosts file it names."""
    key, config, known_hosts = (
        scratch / name for name in ("client_key", "ssh_config", "known_hosts")
    )
    shutil.copyfile(folder() / "client_key", key)
    key.chmod(0o600)
    config.write_text(
        f"Host {HOST}\n  HostName 127.0.0.1\n  Port {port}\n  HostKeyAlias {HOST}\n"
        f"  IdentityFile {key}\n  IdentitiesOnly yes\n"
        f"  UserKnownHostsFile {known_hosts}\n  GlobalKnownHostsFile none\n"
    )
    return config, known_hosts
