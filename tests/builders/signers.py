"""Keys and lists of signers, made by the system's OpenSSH."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

MISSING = (
    "" if shutil.which("ssh-keygen") else "ssh-keygen is missing: apt-get install openssh-client"
)


@dataclass(frozen=True)
class Signers:
    """Two keys in a folder: ``alice``, who is trusted, and ``mallory``."""

    folder: Path

    def key(self, name="alice"):
        """Return a private key."""
        path = self.folder / name
        if not path.exists():
            make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path]
            subprocess.run(make, check=True)
        return path

    def listed(self, options="", name="alice", at=None):
        """Write a list of allowed signers with one line and return it."""
        public = self.key(name).with_suffix(".pub").read_text("ascii")
        path = at or self.folder / "allowed_signers"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{name}@example.org {options} {public}")
        return path
