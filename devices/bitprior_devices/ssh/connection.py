"""A conversation with the program on the board."""

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

from bitprior_devices.errors import DeviceRefusedError, DeviceUnreachableError
from bitprior_devices.remote.wire import ConnectionLostError, Wire
from bitprior_devices.ssh import host_keys
from bitprior_devices.ssh.destination import Destination
from bitprior_devices.ssh.program import COMMAND, TOO_OLD, payload

# Called with the name of each step the board begins.
OnStep = Callable[[str], None]
_NO_PYTHON = 127
_SSH_FAILED = 255


class Conversation:
    """Messages from and to the board, until its result."""

    def __init__(self, wire: Wire, on_step: OnStep) -> None:
        self.wire = wire
        self._on_step = on_step

    def receive(self) -> dict[str, Any]:
        """Return the next message that is not about a step.

        Raises:
            DeviceRefusedError: The board refuses.
            ConnectionLostError: It is gone.
        """
        while True:
            message = self.wire.receive()
            if "error" in message:
                raise DeviceRefusedError(**message["error"])
            if "step" in message:
                self._on_step(message["step"])
            elif "process" not in message:
                return message

    def result(self) -> dict[str, Any]:
        """Return the board's result."""
        message = self.receive()
        result: dict[str, Any] = message["result"]
        return result


@contextmanager
def converse(
    destination: Destination, verb: str, arguments: dict[str, Any], on_step: OnStep
) -> Iterator[Conversation]:
    """Start the program on the board and talk to it.

    Args:
        destination: The board.
        verb: What it shall do.
        arguments: Ready for JSON.
        on_step: Told of each step.

    Raises:
        HostKeyError: The board's key is unknown or changed.
        DeviceUnreachableError: No connection, or it broke.
        DeviceRefusedError: The board has no Python, or refuses.
    """
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            [*destination.command(), COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        wire = Wire(process.stdout, process.stdin)
        try:
            yield _begun(wire, {"verb": verb, "arguments": arguments}, on_step)
        except ConnectionLostError as error:
            _raise_refusal_before(wire)
            _close(process.stdin)
            raise _why(destination, process, complaints) from error
        finally:
            _close(process.stdin)
            process.stdout.close()
            if process.poll() is None:
                process.terminate()
            process.wait()


def _begun(wire: Wire, request: dict[str, Any], on_step: OnStep) -> Conversation:
    try:
        wire.writer.write(payload(request))
        wire.writer.flush()
    except BrokenPipeError as error:
        raise ConnectionLostError("ssh ended") from error
    return Conversation(wire, on_step)


def _raise_refusal_before(wire: Wire) -> None:
    """Raise the refusal the board sent before it hung up on us, if it did."""
    try:
        while True:
            message = wire.receive()
            if "error" in message:
                raise DeviceRefusedError(**message["error"])
    except ConnectionLostError:
        return


def _why(
    destination: Destination, process: "subprocess.Popen[bytes]", complaints: IO[bytes]
) -> DeviceUnreachableError | DeviceRefusedError:
    """Say why a conversation ended, from how ssh ended."""
    status = process.wait()
    complaints.seek(0)
    text = complaints.read().decode("utf-8", "replace")
    if host_keys.CHANGED in text:
        return host_keys.changed_host(destination)
    if host_keys.UNKNOWN in text:
        return host_keys.unknown_host(destination)
    if status == _SSH_FAILED:
        return host_keys.unreachable(destination, text)
    if status == _NO_PYTHON:
        return DeviceRefusedError(
            f"python3 on {destination.name}", "no such command", "install it there"
        )
    if status == TOO_OLD:
        return DeviceRefusedError(
            f"Python 3.8 or newer as python3 on {destination.name}",
            "an older one, or one that cannot be run",
            "install one there; to run bundles it takes 3.11",
        )
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return DeviceUnreachableError(
        "the board's answer to come to its end",
        f"it broke off (exit status {status}{': ' + lines[-1] if lines else ''})",
        "try again: what has come is kept",
    )


def _close(pipe: IO[bytes]) -> None:
    # What is still in its buffer goes nowhere if the other end is gone.
    with suppress(BrokenPipeError):
        pipe.close()
