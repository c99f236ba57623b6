"""Send a release to a board, which checks it and brings it into use."""

import getpass
import socket
from dataclasses import dataclass
from typing import Any

from bitprior_devices.deploying.parcel import Parcel
from bitprior_devices.deploying.policy import NOTHING, Demand
from bitprior_devices.remote.receive import SentFile
from bitprior_devices.remote.wire import sha256_of
from bitprior_devices.ssh.connection import Conversation, OnStep, converse
from bitprior_devices.ssh.destination import Destination


@dataclass(frozen=True)
class Deployed:
    """What a deploy or a rollback did.

    Attributes:
        release: Digest of the release in use now.
        previous: Digest of the one a rollback would return to; None if there is none.
        changed: Whether another one was in use before.
        sent: Bytes that were sent.
        replay: What the golden cases gave on the board.
        signer: Who signed the bundle, by the board's list; None: the board asked for no signature.
    """

    release: str
    previous: str | None
    changed: bool
    sent: int
    replay: dict[str, Any]
    signer: str | None


def deploy(
    parcel: Parcel,
    destination: Destination,
    on_step: OnStep,
    *,
    demand: Demand = NOTHING,
    root: str | None = None,
    python: str | None = None,
    service: bool = False,
) -> Deployed:
    """Deploy: send, verify there, replay the golden cases there, switch.

    Args:
        parcel: What to send.
        destination: The board.
        on_step: Told of each step.
        demand: Which boards ask for a signature.
        root: Folder on the board; None: ``.local/share/bitprior`` in the user's home.
        python: The board's Python that has bitprior, if no wheels are sent; None: python3.
        service: Whether to serve the bundle with a systemd user unit.

    Raises:
        DeviceUnreachableError: No connection; a later deploy goes on where this one stopped.
        DeviceRefusedError: The board refuses; what it used before is still in use.
    """
    arguments = {
        "root": root,
        "who": who(),
        "files": [file.as_json() for file in parcel.files],
        "wheels": [file.as_json() for file in parcel.wheels],
        "unpacked": parcel.unpacked,
        "python": python,
        "service": service,
        "demand": demand.as_json(),
    }
    with converse(destination, "deploy", arguments, on_step) as board:
        if parcel.wheels:
            send_missing(board, parcel.wheels)
        send_missing(board, parcel.files)
        result = board.result()
    return _deployed(result)


def rollback(
    destination: Destination,
    on_step: OnStep,
    root: str | None = None,
    demand: Demand = NOTHING,
) -> Deployed:
    """Return to the release before.

    Raises:
        DeviceUnreachableError: No connection.
        DeviceRefusedError: There is none, or it does not replay.
    """
    arguments = {"root": root, "who": who(), "demand": demand.as_json()}
    with converse(destination, "rollback", arguments, on_step) as board:
        result = board.result()
    return _deployed({"changed": True, "bytes": 0, **result})


def send_missing(board: Conversation, files: dict[SentFile, Any]) -> None:
    """Send what the board has not yet got of some files, in their order."""
    answer = board.receive()
    have, prefixes = answer["have"], answer["prefixes"]
    for file, source in files.items():
        offset = have[file.path]
        if offset == file.size and file.path not in prefixes:
            continue
        if offset and sha256_of(source, offset) != prefixes[file.path]:
            offset = 0  # what lies there is of another file, or was torn by a power cut
        board.wire.send({"offset": offset})
        with source.open("rb") as data:
            data.seek(offset)
            board.wire.send_bytes(data, file.size - offset)


def who() -> str:
    """Return who deploys, for whoever finds the board locked."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def _deployed(result: dict[str, Any]) -> Deployed:
    return Deployed(
        result["release"],
        result["previous"],
        result["changed"],
        result["bytes"],
        result["replay"],
        result["signer"],
    )
