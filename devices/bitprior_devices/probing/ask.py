"""Ask a board about itself, over ssh or, for this machine, directly."""

from typing import Any

from bitprior_devices.ssh import Destination, converse
from bitprior_devices.ssh.connection import OnStep


def ask_facts(destination: Destination, on_step: OnStep, root: str | None = None) -> dict[str, Any]:
    """Return a board's facts; see ``remote.facts``.

    Raises:
        DeviceUnreachableError: No connection.
        DeviceRefusedError: It has no python3.
    """
    arguments = {"root": root, "python": None, "trials": [], "trial": ""}
    with converse(destination, "probe", arguments, on_step) as board:
        facts: dict[str, Any] = board.result()["facts"]
    return facts
