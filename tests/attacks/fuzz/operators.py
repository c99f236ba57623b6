"""Texts of operators, and files of matrices that they name."""

import json
import os
import random
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks.fuzz.arrays import npy, npz, strange_values
from attacks.fuzz.bundles import ENGINES, NAME
from attacks.fuzz.seeds import seeds
from attacks.fuzz.tries import Tries
from bitprior_runtime.model import load
from bitprior_runtime.sensing.blocks import Rectangles
from bitprior_runtime.sensing.text import KNOWN, parse_frame, parse_operator
from bitprior_runtime.solvers.choice import SOLVERS

PRIORS = ("photo-4", "tiny-4")
_NUMBERS = (
    "0", "1", "2", "3", "4", "8", "9", "16", "33", "64", "100", "109", "128", "272",
    "1024", "16384", "99999", "999999999", "-1", "1.5", "1e3", "", "\u0663", "0x10", " 4", "4 ",
    "+4", "00004", "nan", "9" * 40,
)  # fmt: skip
FRAMES = (
    *("8x8",) * 60, "9x7", "33x40", "1x1", "64x64", "128x128", "0x8", "8", "99999x99999", "2x3",
    "\u0668x8", "-8x8", "8x8x8", "", "8x8\n", "4096x4096",
)  # fmt: skip
_FILES = (
    *("m.npy",) * 40, *("m.npz#A",) * 15, "m.npz", "m.npz#B", "m.npz#", "m.npy#A", "gone.npy", ".",
    "", "/dev/null", "m.npz#A#B", "\x00", "n" * 5000, "\udc80", "#",
)  # fmt: skip
# Forms as messages list them; whatever is added there is tried.
_FORMS = tuple(form for part in KNOWN.split(", ") for form in part.split(" or "))
_JUNK = ("", ":", "blocks:", "matrix:", "blocks", "nosuch:m=1", "\x1b[2J:\n", "\ud800")
# Pixels of a frame, and measurements, that are recovered from: more only takes longer.
_PIXELS = 2**13


def made(rng: random.Random) -> tuple[str, dict[str, bytes], Callable[[Path], Tries]]:
    """Return the text's kind, the files, and what is done with them."""
    frame = rng.choice(FRAMES)
    text = operator_text(rng)
    matrices = [matrix(rng), matrix(rng)]
    members = {"A": npy(matrices[0], rng), "B": npy(matrices[1], rng)}
    prior = rng.choice(PRIORS)
    asked = json.dumps({"text": text, "frame": frame, "seed": rng.randrange(2**32)})
    files = {
        "m.npy": npy(matrices[0], rng),
        "m.npz": npz(members, rng),
        NAME: seeds()[prior],
        "asked.json": asked.encode(),
    }
    return f"{prior} {text[:40]!r}", files, attempt


def matrix(rng: random.Random) -> NDArray[Any]:
    """Return a matrix for blocks of 8 x 8 or such a frame, a stack of patterns, or row numbers."""
    count = rng.choice((1, 3, 16, 20, 64, 65))
    shape = rng.choice((*((count, 64),) * 6, *((count, 8, 8),) * 3, (count, 8), (count,)))
    if rng.random() < 0.75:
        plain = np.random.default_rng(rng.randrange(2**32)).standard_normal(shape)
        if len(shape) == 1:
            return np.arange(count)
        if rng.random() < 0.3:
            return (plain > 0).astype(rng.choice(("u1", "?", "f4")))
        if rng.random() < 0.1:
            plain[-1:] = plain[:1]  # dependent rows
        return plain.astype(np.float32)
    return strange_values(rng, shape)


def operator_text(rng: random.Random) -> str:
    """Return a text that names an operator, or nearly."""
    number = lambda: rng.choice(_NUMBERS)  # noqa: E731
    file = rng.choice(_FILES)
    order, packed = (
        rng.choice(("sequency", "natural", file, "nosuch")),
        rng.choice(("01", "pm", "x")),
    )
    if rng.random() < 0.05:
        return rng.choice(_JUNK)
    text = rng.choice(
        (
            *("matrix:m.npy", "blocks:matrix=m.npy,size=8", "gaussian-blocks:m=5,size=4,seed=1"),
            *("walsh-blocks:m=5,size=4", "hadamard:m=20", "patterns:m.npy,frame=8x8"),
            f"matrix:{file}", f"blocks:matrix={file},size=8", f"blocks:size=8,matrix={file}",
            f"blocks:matrix={file},size={number()}", f"blocks:matrix={file}",
            f"gaussian-blocks:m={number()},size={number()},seed={number()}",
            f"gaussian-blocks:m={number()},size=8,seed=0",
            f"walsh-blocks:m={number()},size={number()}",
            f"hadamard:order={order},m={number()}", f"hadamard:m=20,rows={file}",
            f"patterns:{file},frame=8x8", f"patterns:{file},frame=8x8,packed={packed}",
            f"patterns:{file},frame={rng.choice(FRAMES)},rows={file}",
            rng.choice(_FORMS), rng.choice(_FORMS).replace("FILE.npz#KEY", file),
        )
    )  # fmt: skip
    if rng.random() < 0.05:
        text += f",{rng.choice(('m', 'size', 'rows', 'weights', 'frame', 'seed'))}={number()}"
    if rng.random() < 0.05:
        place = rng.randrange(len(text))
        text = text[:place] + rng.choice((",", "=", ":", "#", "\n", "", "é")) + text[place + 1 :]
    return text


def attempt(folder: Path) -> Tries:
    """Make the operator, measure with it, and recover what it measured."""
    tries, asked = Tries(), json.loads((folder / "asked.json").read_text())
    rng = random.Random(asked["seed"])
    frame = tries.go("parse_frame", lambda: parse_frame(asked["frame"]))
    before = os.getcwd()
    with chdir(folder):
        operator = tries.go("parse_operator", lambda: parse_operator(asked["text"], frame))
    assert os.getcwd() == before
    if operator is None:
        return Tries(foreign=tries.foreign)
    tries = Tries(loaded=True, ran=tries.ran, foreign=tries.foreign)
    tries.go("repr", lambda: repr(operator))
    tries.go("digest", lambda: operator.digest)
    exact = tries.go("exact", operator.exact) if isinstance(operator, Rectangles) else None
    if max(operator.frame[0] * operator.frame[1], operator.size) > _PIXELS:
        return tries
    x = np.random.default_rng(0).random((1, 1, *operator.frame), np.float32)
    y = tries.go("forward", lambda: operator.forward(x))
    if exact is not None:
        tries.go("exact forward", lambda: exact.forward(x))
    if y is None:
        return tries
    tries.go("adjoint", lambda: operator.adjoint(y))
    model = load(folder / NAME)
    engine, kernel = rng.choice(ENGINES)
    options: dict[str, Any] = {"steps": 2, "max_seconds": 2, "engine": engine, "kernel": kernel}
    for solver in (None, rng.choice(list(SOLVERS))):
        where = f"{engine}/{kernel} recover {solver}"
        noise = rng.choice((0.0, 0.1, 1e-30, 1e30, -1.0, float("nan"), float("inf")))
        found = tries.go(
            where,
            lambda n=noise, s=solver: model.recover(
                y, operator=operator, noise=n, solver=s, **options
            ),
        )
        tries.finite(where, None if found is None else found.image)
    return tries
