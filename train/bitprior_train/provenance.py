"""Where a result comes from."""

import subprocess
from pathlib import Path


def commit() -> str:
    """Return the commit this code is checked out at, ``-dirty`` if changed; else ``no commit``."""
    folder = Path(__file__).parent
    try:
        found = subprocess.run(
            ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return "no commit"
    return found.stdout.strip()
