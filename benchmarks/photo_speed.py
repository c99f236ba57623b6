"""One photo of 256 x 256 from 10 % of block measurements: bitprior beside a network in torch.

    python benchmarks/photo_speed.py PRIOR... [--out results/photo-speed.json] [--rounds 3]

The network has ISTA-Net+'s shape and random weights (benchmarks/ista_net.py): its time does not
hang on them. One thread, each contender in a process of its own, pinned to one core; the contenders
take turns, and of each the call of least processor time counts. Measuring the photo is not in the
times; neither is what is worked out once for an operator.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from csgm import ONE_THREAD
from tables import machine

HERE = Path(__file__).parent
TORCH = "ISTA-Net+'s shape, torch"
OURS = (("float", "native"), ("integer", "native"))
FRAME, M, SEED = (256, 256), 109, 0


def apart(job):
    """Time one contender in a process of its own.

    Raises:
        SystemExit: It failed.
    """
    done = subprocess.run(
        [sys.executable, HERE / "photo_speed_worker.py", json.dumps(job)],
        env={**os.environ, **ONE_THREAD},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"{job} failed: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def jobs(priors, frame, m):
    """Return what to time, by name."""
    common = {"frame": list(frame), "m": m, "seed": SEED}
    found = {TORCH: {**common, "kind": "torch"}}
    for prior in priors:
        for engine, kernel in OURS:
            name = f"{Path(prior).stem}, {engine}/{kernel}"
            given = {"prior": prior, "engine": engine, "kernel": kernel}
            found[name] = {**common, "kind": "prior", **given}
    return found


def compare(priors, rounds, frame=FRAME, m=M):
    """Return a row for each contender, with how many times faster it is than torch."""
    rows = {}
    for _ in range(rounds):
        for name, job in jobs(priors, frame, m).items():
            row = apart(job)
            if name not in rows or row["ms"] < rows[name]["ms"]:
                rows[name] = row
    for row in rows.values():
        row["times_faster_than_torch"] = rows[TORCH]["ms"] / row["ms"]
    return rows


def main():
    """Measure everyone and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("priors", nargs="+", help="bundles, or names of the zoo")
    parser.add_argument("--out", type=Path, default=Path("results/photo-speed.json"))
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    names = " ".join(Path(prior).name for prior in options.priors)
    result = {
        "kind": "bitprior photo speed",
        "command": f"python benchmarks/photo_speed.py {names} --rounds {options.rounds}",
        "frame": list(FRAME),
        "measurements_of_a_block": M,
        "threads": 1,
        "load": os.getloadavg()[0],
        "machine": machine(),
        "rows": compare(options.priors, options.rounds),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for name, row in result["rows"].items():
        print(f"{name}: {row['ms']:.0f} ms, {row['times_faster_than_torch']:.2f} times as fast")


if __name__ == "__main__":
    main()
