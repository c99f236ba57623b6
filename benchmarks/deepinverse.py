"""Beside DeepInverse: how long until a recovery is as good as its CSGMGenerator's?

    python benchmarks/deepinverse.py MODEL.bitprior --dataset mnist [--images 16] [--out FILE]

CSGMGenerator searches one latent with Adam (rate 0.01, at most 2,500 iterations, until the loss
changes by less than 1e-4 of itself). It gets the prior and the measurements of the bundle, in
float32, once as it comes (it starts in Unif[-1, 1]) and once from the distribution that the prior
was trained with. The target is the better of its two PSNRs, on validation images. One image at a
time, one thread, processor time, each contender in a process of its own.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from csgm import ENGINES, ONE_THREAD, OURS, apart, validation_images
from tables import machine

from bitprior_runtime import load

HERE = Path(__file__).parent
STARTS = {"DeepInverse CSGM, as it comes": "own", "DeepInverse CSGM, prior's start": "prior"}


def rival(python, job):
    """Run CSGMGenerator in the environment that has it.

    Raises:
        SystemExit: There is no such environment, or it failed.
    """
    if not Path(python).is_file():
        raise SystemExit(f"{os.path.relpath(python)} is missing: run make bench")
    done = subprocess.run(
        [python, HERE / "deepinverse_worker.py", json.dumps(job)],
        env={**os.environ, **ONE_THREAD},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"DeepInverse failed: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def compare(options):
    """Return a row for everyone."""
    job = {"model": options.model, "dataset": options.dataset, "images": options.images}
    with tempfile.TemporaryDirectory() as scratch:
        images = Path(scratch) / "images.npy"
        np.save(images, validation_images(load(options.model), options.dataset, options.images))
        given = {"model": options.model, "images": str(images)}
        rows = {
            name: rival(options.python, {**given, "start": start}) for name, start in STARTS.items()
        }
    best = max(rows.values(), key=lambda row: row["psnr"])
    for name, _ in OURS:
        for engine, kernel in ENGINES:
            wish = {**job, "name": name, "engine": engine, "kernel": kernel}
            row = apart({**wish, "target": best["psnr"]})
            if "ms" in row:
                row["times_faster"] = best["ms"] / row["ms"]
            rows[f"{name}, {engine}/{kernel}"] = row
    settings = {"images": options.images, "target": best["psnr"], "machine": machine()}
    model = os.path.basename(options.model)
    return {"model": model, "dataset": options.dataset, **settings, "rows": rows}


def main():
    """Measure everyone and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument(
        "--python",
        default=str(HERE.parent / ".venv-deepinv/bin/python"),
        help="a Python with deepinv",
    )
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    text = json.dumps(compare(options), indent=1)
    print(text)
    if options.out is not None:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
