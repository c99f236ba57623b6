"""Put files through everything, in a process that may die of one.

It says on stdout, before and after each number, what it does; from that the parent knows which one
it died of. Seconds are of the processor: other work on the machine is not the file's.
"""

import gc
import json
import os
import re
import resource
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

from attacks.fuzz.cases import Case, case_of
from attacks.fuzz.seeds import seeds
from attacks.fuzz.tries import Tries

# Of memory that is asked for, used or not.
_ADDRESSES = 2**33


def main() -> None:
    """Try ``count`` cases from ``first`` on."""
    first, count = (int(word) for word in sys.argv[1:3])
    warnings.simplefilter("ignore")
    if "LD_PRELOAD" not in os.environ:  # the sanitizers reserve more, and have a limit of their own
        resource.setrlimit(resource.RLIMIT_AS, (_ADDRESSES, _ADDRESSES))
    seeds()
    for number in range(first, first + count):
        case = made(number)
        print(json.dumps({"begins": number, "seed": case.name}), flush=True)
        begin = time.process_time()
        _forget_peak()
        outcome = tried(case)
        gc.collect()
        figures = {"seconds": time.process_time() - begin, "peak_mb": _peak_mb()}
        print(json.dumps({"ends": number, **outcome, **figures}), flush=True)


def made(number: int) -> Case:
    """Return the case of a number; one that does harm where it cannot be made."""
    try:
        return case_of(number)
    except Exception:
        text = traceback.format_exc()
        return Case("made", {}, lambda folder: Tries(foreign=[text]))


def tried(case: Case) -> dict[str, Any]:
    """Write a case's files into a folder of their own and attempt it; say what came of it."""
    with tempfile.TemporaryDirectory(prefix="bitprior-fuzz-") as folder:
        write(case, Path(folder))
        try:
            tries = case.attempt(Path(folder))
        except Exception:  # of the attempt itself, or of a file that must always be good
            return {"loaded": False, "ran": 0, "foreign": [traceback.format_exc()]}
    return {"loaded": tries.loaded, "ran": tries.ran, "foreign": tries.foreign}


def write(case: Case, folder: Path) -> None:
    """Write a case's files."""
    for name, data in case.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _peak_mb() -> float:
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(found.group(1)) / 1024 if found else 0.0
