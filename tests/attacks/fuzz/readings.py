"""Measurements and images in files: strange shapes, huge headers, values that are no numbers."""

import random
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np

from attacks.fuzz.arrays import npy, npz, strange_values
from attacks.fuzz.bundles import ENGINES, NAME
from attacks.fuzz.operators import operator_text
from attacks.fuzz.seeds import seeds
from attacks.fuzz.tries import Tries
from bitprior_runtime.images import read_array, read_images
from bitprior_runtime.model import Model, load
from bitprior_runtime.sensing.files import read_matrix
from bitprior_runtime.sensing.measured import read_measured
from bitprior_runtime.sensing.text import parse_operator

# Of a prior: measurements of the operator below, or of its own; and its images.
PRIORS = {"photo-4": ((2, 20), (2, 1, 8, 8)), "tiny-4": ((2, 3), (2, 1, 2, 3))}
OPERATOR, FRAME = "gaussian-blocks:m=5,size=4,seed=1", (8, 8)


def made(rng: random.Random) -> tuple[str, dict[str, bytes], Callable[[Path], Tries]]:
    """Return the prior's name, the files, and what is done with them."""
    prior = rng.choice(list(PRIORS))
    measured, images = PRIORS[prior]
    y = npy(strange_values(rng, measured), rng)
    x = np.clip(strange_values(rng, images).real.astype(np.float64), 0, 1).astype(np.float32)
    files = {
        "y.npy": y,
        "x.npy": npy(x if rng.random() < 0.5 else strange_values(rng, images), rng),
        "y.npz": npz(_archive(rng, y), rng),
        NAME: seeds()[prior],
    }
    return prior, files, lambda folder: attempt(folder, rng.randrange(2**32))


def _archive(rng: random.Random, y: bytes) -> dict[str, bytes]:
    """Return what an archive of measurements holds, most of it right."""
    operator = parse_operator(OPERATOR, FRAME)
    known: dict[str, Any] = {
        "frame": np.array(FRAME, np.int64),
        "matrix": np.array(operator.digest),
        "noise": np.array(0.01),
        "operator": np.array(OPERATOR),
    }
    wrong: dict[str, Any] = {
        "frame": rng.choice(
            ([0, 8], [8, 8, 8], [-8, 8], [2**40, 2**40], [2**63 - 1, 1], [8.0, 8.0])
        ),
        "matrix": rng.choice(("", "0" * 64, "x\n\x1b[2J", "9" * 5000)),
        "noise": rng.choice((-1.0, np.nan, np.inf, 1e300, 5e-324, [1.0, 2.0])),
        "operator": operator_text(rng).encode("utf-8", "replace").decode(),
    }
    key = rng.choice((None, *wrong))
    if key is not None:
        known[key] = np.array(wrong[key])
    if rng.random() < 0.1:
        del known[rng.choice(list(known))]
    if rng.random() < 0.1:
        known[rng.choice(list(known))] = strange_values(rng, rng.choice(((), (2,))))
    members = {name: npy(np.asarray(value), random.Random(3)) for name, value in known.items()}
    if rng.random() < 0.2:
        name = rng.choice(list(members))
        members[name] = npy(np.asarray(known[name]), rng)
    return {"y": y, **members}


def attempt(folder: Path, seed: int) -> Tries:
    """Read each file with every reader, sense the images, and recover the measurements."""
    tries, rng = Tries(), random.Random(seed)
    model = load(folder / NAME)
    for name in ("y.npy", "y.npz"):
        tries.go(f"read_matrix {name}", lambda n=name: read_matrix(str(folder / n)))
        tries.go(f"read_array {name}", lambda n=name: read_array(folder / n, "measurements"))
        measured = tries.go(f"read_measured {name}", lambda n=name: read_measured(folder / n))
        if measured is not None:
            tries.loaded = True
            _recover(tries, model, measured, folder, rng)
    x = tries.go("read_images", lambda: read_images(folder / "x.npy", model.geometry))
    if x is not None:
        tries.finite("sense", tries.go("sense", lambda: model.sense(x)))
    return tries


def _recover(tries: Tries, model: Model, measured: Any, folder: Path, rng: random.Random) -> None:
    engine, kernel = rng.choice(ENGINES)
    options: dict[str, Any] = {"steps": 2, "max_seconds": 2, "engine": engine, "kernel": kernel}
    with chdir(folder):
        operator = tries.go("made_by", lambda: measured.made_by(None, None))
    if operator is None:
        operator = parse_operator(OPERATOR, FRAME)
    ways: tuple[dict[str, Any], ...] = (
        {}, {"operator": operator, "noise": measured.noise or 0.0}, {"latent": measured.y},
    )  # fmt: skip
    for way in ways:
        where = f"{engine}/{kernel} recover {list(way)}"
        found = tries.go(where, lambda w=way: model.recover(measured.y, **w, **options))
        tries.finite(where, None if found is None else found.image)
