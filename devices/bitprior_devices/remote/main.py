"""Answer one request on the board."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Any, Callable  # noqa: UP035

from bitprior_devices.remote.deploy import deploy
from bitprior_devices.remote.probe import probe
from bitprior_devices.remote.refusal import RefusalError, from_os_error
from bitprior_devices.remote.rollback import rollback
from bitprior_devices.remote.run import run
from bitprior_devices.remote.wire import ConnectionLostError, Wire

VERBS: dict[str, Callable[[dict[str, Any], Wire], dict[str, Any]]] = {
    "deploy": deploy,
    "probe": probe,
    "rollback": rollback,
    "run": run,
}


def main(request: dict[str, Any]) -> int:
    """Answer a request on stdin and stdout; return the exit status."""
    wire = Wire(sys.stdin.buffer, sys.stdout.buffer)
    try:
        return answer(request, wire)
    except ConnectionLostError:
        return 1


def answer(request: dict[str, Any], wire: Wire) -> int:
    """Run the verb of a request and send its result, or why there is none."""
    wire.send({"process": os.getpid()})
    try:
        result = VERBS[request["verb"]](request["arguments"], wire)
    except RefusalError as error:
        return _refuse(wire, error)
    except OSError as error:
        return _refuse(wire, from_os_error(error))
    except ConnectionLostError:
        raise
    except Exception:
        last = traceback.format_exc().strip().splitlines()
        found = f"{last[-1]} ({last[-3].strip()})" if len(last) > 2 else last[-1]
        return _refuse(
            wire, RefusalError("the board's part of bitprior to work", found, "report this")
        )
    wire.send({"result": result})
    return 0


def _refuse(wire: Wire, error: RefusalError) -> int:
    wire.send({"error": {"expected": error.expected, "found": error.found, "todo": error.todo}})
    return 1
