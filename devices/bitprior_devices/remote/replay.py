"""Replay a bundle's golden cases: ``python -m bitprior_devices.remote.replay BUNDLE``.

Runs on the board, in a process of its own, with the runtime that will serve the bundle.
"""

import json
import sys

from bitprior_runtime.errors import BitpriorError
from bitprior_runtime.model import load
from bitprior_runtime.version import __version__


def main(path: str) -> int:
    """Print the checks as one JSON object; return 0 if all passed."""
    try:
        model = load(path)
        engine = model.engine("float")
        checks = model.verify("float", engine.kernel)
    except BitpriorError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 1
    failed = [check for check in checks if not check.passed]
    for check in failed:
        print(f"{check.name}: {check.difference:g}, allowed {check.tolerance:g}", file=sys.stderr)
    result = {
        "bitprior": __version__,
        "kernel": engine.kernel,
        "cases": len(model.bundle.golden.latents),
        "largest": {check.name: check.difference for check in checks},
    }
    print(json.dumps(result))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
