"""Run a verb of the runtime on a board, and fetch what it gives."""

import hashlib
import json
from typing import Any

from bitprior_devices.deploying.parcel import describe
from bitprior_devices.deploying.sending import send_missing
from bitprior_devices.errors import DeviceRefusedError
from bitprior_devices.progress import show_step
from bitprior_devices.remote.wire import sha256_of
from bitprior_devices.ssh import converse, parse_destination
from bitprior_devices.ssh.connection import Conversation
from bitprior_runtime.cli.elsewhere import BoardJob, BoardResult
from bitprior_runtime.errors import BitpriorError

MAX_OUTPUT = 2**30


def run_there(job: BoardJob) -> BoardResult:
    """Run a job.

    Raises:
        DeviceUnreachableError: No connection.
        DeviceRefusedError: The bundle is not deployed there, or the verb crashed.
        BitpriorError: The verb failed; the error is its own.
    """
    destination = parse_destination(job.board, job.ssh_config)
    inputs = {describe(name, path): path for name, path in job.inputs.items()}
    arguments = {
        "root": job.root,
        "bundle": sha256_of(job.bundle),
        "verb": job.verb,
        "arguments": [*job.arguments, "--json"],
        "inputs": [file.as_json() for file in inputs],
        "output": job.output,
    }
    with converse(destination, "run", arguments, show_step) as board:
        send_missing(board, inputs)
        output = b""
        message = board.receive()
        if "output" in message:
            output = _fetch(board, message["output"])
            message = board.receive()
    return BoardResult(_figures(message["result"]), output)


def _fetch(board: Conversation, announced: dict[str, Any]) -> bytes:
    size = announced["size"]
    if not 0 <= size <= MAX_OUTPUT:
        raise DeviceRefusedError(
            f"an output of at most {MAX_OUTPUT} bytes", f"{size}", "recover fewer images at once"
        )
    data = b"".join(board.wire.receive_bytes(size))
    if hashlib.sha256(data).hexdigest() != announced["sha256"]:
        raise DeviceRefusedError("the output the board announced", "other bytes", "run it again")
    return data


def _figures(result: dict[str, Any]) -> dict[str, Any]:
    """Return what the verb printed, or raise the error it ended with."""
    try:
        figures: dict[str, Any] = json.loads(result["out"])
    except ValueError:
        figures = {}
    if "error" in figures:
        error = figures["error"]
        failure = BitpriorError(error["expected"], error["found"], error["todo"])
        failure.exit_code = int(error["exit_code"])
        raise failure
    if result["status"] != 0 or not figures:
        raise DeviceRefusedError(
            "the verb to end with a result on the board",
            result["reason"] or "no JSON",
            "run bitprior probe on it: an engine may not fit this board",
        )
    return figures
