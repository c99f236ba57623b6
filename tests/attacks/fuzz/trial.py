"""Put files through everything, in a process that may die of one.

It says on stdout, before and after each number, what it does; from that the parent knows which one
it died of. Seconds are of the processor: other work on the machine is not the file's.
"""

import gc
import json
import re
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

from attacks.fuzz.mutate import mutated
from attacks.fuzz.seeds import seeds
from bitprior_runtime.bundle import decode_bundle
from bitprior_runtime.errors import BitpriorError
from bitprior_runtime.model import Model

ENGINES = (("float", "native"), ("float", "numpy"), ("integer", "native"), ("integer", "numpy"))
ROWS = 2


def file_of(number: int) -> tuple[str, bytes]:
    """Return the name of the seed and the file of a mutation."""
    names = list(seeds())
    name = names[number % len(names)]
    return name, mutated(seeds()[name], number)


def main() -> None:
    """Try ``count`` files from ``first`` on."""
    first, count = (int(word) for word in sys.argv[1:3])
    warnings.simplefilter("ignore")
    seeds()
    for number in range(first, first + count):
        name, data = file_of(number)
        print(json.dumps({"begins": number, "seed": name}), flush=True)
        begin = time.process_time()
        _forget_peak()
        outcome = attempt(data)
        gc.collect()
        figures = {"seconds": time.process_time() - begin, "peak_mb": _peak_mb()}
        print(json.dumps({"ends": number, **outcome, **figures}), flush=True)


def attempt(data: bytes) -> dict[str, Any]:
    """Load, generate, sense, recover and verify on every engine; say what came of it."""
    ran, foreign = 0, []
    try:
        model = Model(decode_bundle(data), len(data))
    except BitpriorError:
        return {"loaded": False, "ran": 0, "foreign": []}
    except Exception:
        return {"loaded": False, "ran": 0, "foreign": [traceback.format_exc()]}
    golden = model.bundle.golden
    for engine, kernel in ENGINES:
        steps = (
            lambda e=engine, k=kernel: model.engine(e, k).generate(golden.latents[:ROWS]),
            lambda e=engine, k=kernel: model.engine(e, k).sense(golden.images[:ROWS]),
            lambda e=engine, k=kernel: model.recover(
                golden.measurements[:ROWS], engine=e, kernel=k, steps=2, restarts=2, max_seconds=2
            ),
            lambda e=engine, k=kernel: model.verify(e, k),
        )
        for step in steps:
            try:
                step()
                ran += 1
            except BitpriorError:
                continue
            except Exception:
                foreign.append(f"{engine}/{kernel}\n{traceback.format_exc()}")
    for step in (lambda: model.generate(golden.latents), lambda: model.sense(golden.images)):
        try:
            step()
        except BitpriorError:
            continue
        except Exception:
            foreign.append(traceback.format_exc())
    return {"loaded": True, "ran": ran, "foreign": foreign}


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _peak_mb() -> float:
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(found.group(1)) / 1024 if found else 0.0
