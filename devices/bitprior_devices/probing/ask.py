"""Ask a board about itself, over ssh or, for this machine, directly."""

import io
import sys
from importlib.resources import files
from typing import Any

from bitprior_devices.remote.probe import probe
from bitprior_devices.remote.wire import Wire
from bitprior_devices.ssh import Destination, converse
from bitprior_devices.ssh.connection import OnStep

TRIALS = ("numpy", "native", "onnxruntime", "onnxruntime-training", "cv2", "picamera2")


class _Steps(Wire):
    """The other end, when there is none: only told of steps."""

    def __init__(self, on_step: OnStep) -> None:
        super().__init__(io.BytesIO(), io.BytesIO())
        self._on_step = on_step

    def send(self, message: dict[str, Any]) -> None:
        """Show a step."""
        if "step" in message:
            self._on_step(message["step"])


def ask_facts(destination: Destination, on_step: OnStep, root: str | None = None) -> dict[str, Any]:
    """Return a board's facts; see ``remote.facts``.

    Raises:
        DeviceUnreachableError: No connection.
        DeviceRefusedError: It has no python3.
    """
    arguments: dict[str, Any] = {"root": root, "python": None, "trials": [], "trial": ""}
    with converse(destination, "probe", arguments, on_step) as board:
        facts: dict[str, Any] = board.result()["facts"]
    return facts


def ask_all(
    destination: Destination | None,
    on_step: OnStep,
    root: str | None = None,
    python: str | None = None,
) -> dict[str, Any]:
    """Return a board's facts and how its libraries fared.

    Args:
        destination: The board; None: this machine.
        on_step: Told of each trial.
        root: Where bundles are on it.
        python: Whose packages to try; None: those of the current release, or python3.

    Raises:
        DeviceUnreachableError: No connection.
        DeviceRefusedError: It has no python3.
    """
    program = files("bitprior_devices.remote").joinpath("trial.py").read_text("utf-8")
    arguments = {"root": root, "python": python, "trials": list(TRIALS), "trial": program}
    if destination is None:
        here = {**arguments, "python": python or sys.executable}
        return probe(here, _Steps(on_step))
    with converse(destination, "probe", arguments, on_step) as board:
        answer: dict[str, Any] = board.result()
    return answer
