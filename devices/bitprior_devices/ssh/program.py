"""The program for the board: one fixed command, and its sources as data."""

import json
import shlex
from importlib.resources import files
from typing import Any

# Exit status of a Python that is too old for what is sent.
TOO_OLD = 126
# The whole command line the board ever sees. What to do comes as JSON on stdin.
_BOOT = (
    f"import json,sys;sys.version_info<(3,8) and sys.exit({TOO_OLD});"
    "payload=json.loads(sys.stdin.buffer.readline());"
    'exec(compile(payload["start"],"<start>","exec"),{"payload":payload})'
)
COMMAND = f"exec python3 -I -c {shlex.quote(_BOOT)}"

# Packages whose modules are sent; of the others only the empty shell that holds them.
_SENT = ("bitprior_devices.remote", "bitprior_runtime.board")
# These run in processes of their own, on the board's packages.
_NOT_SENT = (
    "bitprior_devices.remote.start",
    "bitprior_devices.remote.replay",
    "bitprior_devices.remote.trial",
    "bitprior_runtime.board.energy",
)


def sources() -> dict[str, str]:
    """Return the modules the board runs, by name."""
    modules = {package.split(".")[0]: "" for package in _SENT}
    for package in _SENT:
        for entry in files(package).iterdir():
            if entry.name.endswith(".py"):
                name = f"{package}.{entry.name.removesuffix('.py')}".removesuffix(".__init__")
                modules[name] = entry.read_text("utf-8")
    return {name: text for name, text in modules.items() if name not in _NOT_SENT}


def payload(request: dict[str, Any]) -> bytes:
    """Return the first line for the board: the program and the request."""
    start = files("bitprior_devices.remote").joinpath("start.py").read_text("utf-8")
    fields = {"start": start, "modules": sources(), "request": request}
    return json.dumps(fields).encode("ascii") + b"\n"
