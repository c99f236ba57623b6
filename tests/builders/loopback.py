"""A board that is this machine: a real sshd on the loopback interface with keys of its own."""

import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
MISSING = "" if SSHD else "sshd is missing: apt-get install openssh-server"
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Board:
    """The board.

    Attributes:
        folder: Its keys and configurations.
        home: The home of whoever logs in.
        config: ssh configuration in which it is called ``board``.
        known_hosts: The host keys that configuration believes in.
        host_key: Its public host key.
    """

    folder: Path
    home: Path
    config: Path
    known_hosts: Path
    host_key: Path

    @property
    def root(self) -> Path:
        """Where bundles go."""
        return self.home / ".local/share/bitprior"

    @property
    def flags(self) -> list[str]:
        """What every verb needs to get there."""
        return ["--ssh-config", str(self.config)]

    @property
    def fingerprint(self) -> str:
        """SHA256:... of its host key."""
        listed = subprocess.run(
            ["ssh-keygen", "-l", "-f", self.host_key], capture_output=True, text=True, check=True
        )
        return listed.stdout.split()[1]

    def know(self) -> None:
        """Put its host key among the known ones."""
        self.known_hosts.write_text(f"board {self.host_key.read_text()}")


@contextmanager
def loopback_board(folder: Path, bare: bool = False):
    """Run a board.

    Args:
        folder: Where its files go.
        bare: Whether its python3 has no packages at all; else it is the one that runs the tests.
    """
    home = folder / "home"
    home.mkdir(parents=True)
    for name in ("host", "user"):
        generate = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name]
        subprocess.run(generate, check=True)
    shutil.copy(folder / "user.pub", folder / "authorized_keys")
    port = free_port()
    (folder / "sshd_config").write_text(_sshd_config(folder, home, port, bare))
    board = Board(folder, home, folder / "config", folder / "known_hosts", folder / "host.pub")
    board.config.write_text(_ssh_config(folder, port))
    board.know()
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    log = (folder / "log").open("wb")
    daemon = subprocess.Popen([SSHD, "-D", "-e", "-f", folder / "sshd_config"], stderr=log)
    try:
        _wait_for(port, daemon, folder / "log")
        yield board
    finally:
        daemon.terminate()
        daemon.wait()
        log.close()


def _sshd_config(folder, home, port, bare):
    variables = {"HOME": home, "PYTHONPATH": os.environ.get("PYTHONPATH")}
    python = Path(sys.executable).parent
    if bare:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "bare"], check=True)
        python, variables["PYTHONPATH"] = folder / "bare/bin", None
    variables["PATH"] = f"{python}:/usr/bin:/bin"
    settings = " ".join(f'"{name}={value}"' for name, value in variables.items() if value)
    return f"""\
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
MaxStartups 100
LogLevel ERROR
SetEnv {settings}
"""


def _ssh_config(folder, port):
    return f"""\
Host board
  HostName 127.0.0.1
  Port {port}
  HostKeyAlias board
  IdentityFile {folder}/user
  IdentitiesOnly yes
  UserKnownHostsFile {folder}/known_hosts
  GlobalKnownHostsFile none
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_for(port, daemon, log):
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert daemon.poll() is None, log.read_text()
        time.sleep(0.05)
    raise AssertionError(f"sshd does not listen: {log.read_text()}")
