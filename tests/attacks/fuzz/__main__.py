"""``python -m attacks.fuzz --count 2000 [--first N] [--library SO]``: see CONTRIBUTING.md."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

TESTS = Path(__file__).parents[2]
SECONDS = 10.0  # of the processor
MEGABYTES = 1000.0
# Importing everything, and encoding the seeds, before the first file.
STARTING = 300.0
# Wall time of one file: the machine may do other work.
PATIENCE = 120.0
CHUNK = 250
# What went wrong with which file: number, seed, kind, text.
Harm: TypeAlias = dict[str, Any]


def main() -> int:
    """Run the fuzzer; return 1 if a file did harm."""
    parser = argparse.ArgumentParser(prog="attacks.fuzz")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--library", type=Path, help="native kernels, e.g. with sanitizers")
    parser.add_argument("--out", type=Path, help="folder for what did harm, a folder each")
    options = parser.parse_args()
    begin, counts, harms = time.monotonic(), Counter[str](), []
    ends = range(options.first, options.first + options.count, CHUNK)
    last = options.first + options.count
    with ThreadPoolExecutor(options.jobs) as pool:
        parts = pool.map(lambda n: try_range(n, min(n + CHUNK, last), options.library), ends)
        for found, harmed in parts:
            counts += found
            harms += harmed
            print(f"{counts['files']} files, {len(harms)} harms", file=sys.stderr, flush=True)
    for harm in harms:
        _keep(harm, options.out)
    print(json.dumps({**counts, "seconds": round(time.monotonic() - begin, 1)}))
    return 1 if harms else 0


def try_range(first: int, end: int, library: Path | None) -> tuple[Counter[str], list[Harm]]:
    """Try the files ``first`` .. ``end - 1``, in as many children as it takes."""
    counts, harms = Counter[str](), []
    while first < end:
        first, harm = _try_child(first, end, library, counts)
        if harm is not None:
            harms.append(harm)
            counts[harm["kind"]] += 1
    return counts, harms


def _try_child(
    first: int, end: int, library: Path | None, counts: Counter[str]
) -> tuple[int, Harm | None]:
    """Run one child until it is done or a file does harm; return where to go on."""
    command = [sys.executable, "-m", "attacks.fuzz.child", str(first), str(end - first)]
    with tempfile.TemporaryFile() as complaints:
        child = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env=_environment(library),
            cwd=TESTS,  # where the module of the command is found
            text=True,
        )
        assert child.stdout is not None
        clock = threading.Timer(STARTING, child.kill)
        clock.start()
        running, name, harm = first, "", None
        for line in child.stdout:
            clock.cancel()
            message = json.loads(line)
            if "begins" in message:
                running, name = message["begins"], message["seed"]
                clock = threading.Timer(PATIENCE, child.kill)
                clock.start()
                continue
            counts["files"] += 1
            counts["loaded"] += message["loaded"]
            counts["ran"] += message["ran"]
            harm = _judged(message)
            if harm is not None:
                harm |= {"number": running, "seed": name}
                child.kill()
                break
        clock.cancel()
        child.stdout.close()
        status = child.wait()
        complaints.seek(0)
        text = complaints.read().decode("utf-8", "replace")
    if harm is not None:
        return running + 1, harm
    if status == 0:
        return end, None
    counts["files"] += 1
    kind = "too long" if status == -9 and "hard rss" not in text else "died"
    said = f"status {status}\n{text[-4000:]}"
    return running + 1, {"number": running, "seed": name, "kind": kind, "text": said}


def _judged(message: dict[str, Any]) -> Harm | None:
    if message["foreign"]:
        return {"kind": "foreign traceback", "text": message["foreign"][0]}
    if message["seconds"] > SECONDS:
        return {"kind": "too long", "text": f"{message['seconds']:.1f} s"}
    if message["peak_mb"] > MEGABYTES:
        return {"kind": "too large", "text": f"{message['peak_mb']:.0f} MB"}
    return None


def _environment(library: Path | None) -> dict[str, str]:
    variables = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    if library is not None:
        # libstdc++ too: ONNX Runtime throws, and what catches has to be there before it is loaded.
        variables["LD_PRELOAD"] = f"{_compilers('libasan.so')} {_compilers('libstdc++.so.6')}"
        variables["ASAN_OPTIONS"] = "detect_leaks=0:quarantine_size_mb=1:hard_rss_limit_mb=3000"
        variables["BITPRIOR_NATIVE_LIBRARY"] = str(library.resolve())
    return variables


def _compilers(name: str) -> str:
    """Return the path of a library that belongs to the C compiler."""
    command = [os.environ.get("CC", "cc"), f"-print-file-name={name}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _keep(harm: dict[str, Any], folder: Path | None) -> None:
    where = f"number {harm['number']} of {harm['seed']}"
    print(f"{where}: {harm['kind']}\n{harm['text']}", file=sys.stderr)
    if folder is not None:
        from attacks.fuzz.trial import made, write  # takes long, and is rarely needed

        write(made(harm["number"]), folder / str(harm["number"]))


if __name__ == "__main__":
    sys.exit(main())
