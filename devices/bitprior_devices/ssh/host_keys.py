"""Host keys: the first contact shows the fingerprint and stops; it is the user who accepts it."""

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bitprior_devices.errors import DeviceUnreachableError, HostKeyError
from bitprior_devices.ssh.destination import CONNECT_SECONDS, Destination

CHANGED = "REMOTE HOST IDENTIFICATION HAS CHANGED"
UNKNOWN = "Host key verification failed"


@dataclass(frozen=True)
class HostKey:
    """The key a board showed.

    Attributes:
        line: As it stands in a known_hosts file.
        fingerprint: ``SHA256:...``.
    """

    line: str
    fingerprint: str


def look_at_host_key(destination: Destination) -> HostKey:
    """Ask a board for its host key, without logging in and without trusting it.

    ssh itself does the asking, so that aliases, ports and jump hosts of its configuration count;
    it stores the key in a temporary file, offers no authentication, and so goes no further.

    Raises:
        DeviceUnreachableError: Nobody answered.
    """
    with tempfile.TemporaryDirectory() as folder:
        seen = Path(folder, "seen")
        look_only = ("-o", f"UserKnownHostsFile={seen}", "-o", "GlobalKnownHostsFile=none")
        no_login = ("-o", "StrictHostKeyChecking=accept-new", "-o", "PreferredAuthentications=none")
        done = _run([*destination.command(*look_only, *no_login), "true"])
        if not seen.is_file():
            raise unreachable(destination, done.stderr)
        line = seen.read_text("ascii").splitlines()[0]
        listed = _run(["ssh-keygen", "-l", "-f", str(seen)]).stdout.split()
        return HostKey(line, listed[1])


def unknown_host(destination: Destination) -> HostKeyError:
    """Say which key an unknown board shows, and how to accept it."""
    key = look_at_host_key(destination)
    return HostKeyError(
        f"a known host key of {destination.name}",
        f"a first contact; it shows {key.fingerprint}",
        "compare with ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub on the board; if it is the same, "
        f"run this again with --accept {key.fingerprint}",
    )


def changed_host(destination: Destination) -> HostKeyError:
    """Say that a board shows another key than before."""
    return HostKeyError(
        f"the host key of {destination.name} that is in known_hosts",
        "another one: someone may be in between, or the board was set up anew",
        f"if you know why it changed, run: ssh-keygen -R {destination.name}",
    )


def accept_host_key(destination: Destination, fingerprint: str) -> None:
    """Remember a board's host key, if it is the one with this fingerprint.

    Raises:
        HostKeyError: The board shows another one; nothing is remembered.
        DeviceUnreachableError: Nobody answered.
    """
    key = look_at_host_key(destination)
    if key.fingerprint != fingerprint:
        raise HostKeyError(
            f"{destination.name} to show the host key {fingerprint}",
            key.fingerprint,
            "do not accept it: this may be another machine",
        )
    _append(_known_hosts(destination), key.line)


def _known_hosts(destination: Destination) -> Path:
    """Return the file into which ssh would write the key."""
    command = destination.command()
    shown = _run([command[0], "-G", *command[1:]]).stdout
    for line in shown.splitlines():
        name, _, value = line.partition(" ")
        if name == "userknownhostsfile":
            return Path(value.split()[0]).expanduser()
    raise DeviceUnreachableError(
        "ssh -G to name the known_hosts file", "it does not", "update OpenSSH to 6.8 or newer"
    )


def _append(path: Path, line: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    present = path.read_bytes() if path.is_file() else b""
    if line.encode("ascii") in present.splitlines():
        return
    separator = b"" if not present or present.endswith(b"\n") else b"\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(separator + line.encode("ascii") + b"\n")


def unreachable(destination: Destination, complaint: str) -> DeviceUnreachableError:
    """Say in ssh's words why there is no connection."""
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    return DeviceUnreachableError(
        f"an ssh connection to {destination.name}",
        lines[-1] if lines else "no answer",
        f"try: ssh {destination.name}",
    )


def _run(command: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=6 * CONNECT_SECONDS,
        check=False,
    )
