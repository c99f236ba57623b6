"""Mutated bundles through everything that is done with one."""

import math
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from attacks.fuzz.mutate import mutated
from attacks.fuzz.seeds import seed_of, seeds
from attacks.fuzz.tries import Tries
from bitprior_runtime.bundle import Bundle
from bitprior_runtime.bundle.bundle import GoldenCases
from bitprior_runtime.golden import replay
from bitprior_runtime.model import Model, load
from bitprior_runtime.sensing.blocks import Blocks
from bitprior_runtime.sensing.matrix import Matrix
from bitprior_runtime.sensing.operator import Operator
from bitprior_runtime.solvers.choice import SOLVERS

ENGINES = (("float", "native"), ("float", "numpy"), ("integer", "native"), ("integer", "numpy"))
ROWS, CASES = 2, 3
NAME = "m.bitprior"
# Of a latent that a frame makes: more would test the machine's patience, not the reader.
_LATENT = 2**18
_NOISE = (0.0, 0.0, 0.01, 1e-300, 1e300)


def made(rng: random.Random) -> tuple[str, dict[str, bytes], Callable[[Path], Tries]]:
    """Return the seed's name, the file and what is done with it."""
    name = seed_of(rng)
    data, seed = mutated(seeds()[name], rng.randrange(2**32)), rng.randrange(2**32)
    return name, {NAME: data}, lambda folder: attempt(folder / NAME, seed)


def attempt(path: Path, seed: int = 0) -> Tries:
    """Load, generate, sense, recover, verify, and recover through an operator on every engine."""
    tries, rng = Tries(), random.Random(seed)
    model = tries.go("load", lambda: load(path))
    if model is None:
        return Tries(foreign=tries.foreign)
    tries = Tries(loaded=True, foreign=tries.foreign)
    tries.go("describe", model.describe)
    for engine, kernel in ENGINES:
        own_sensing(tries, model, engine, kernel, rng.choice((None, *SOLVERS)))
    frame, operator = frame_and_operator(rng, model.geometry)
    for engine, kernel in rng.sample(ENGINES, 2):
        at_frame(tries, model, engine, kernel, frame)
        if operator is not None:
            operated(tries, model, engine, kernel, operator, rng)
    golden = model.bundle.golden
    tries.finite("generate", tries.go("generate", lambda: model.generate(golden.latents)))
    tries.finite("sense", tries.go("sense", lambda: model.sense(golden.images)))
    return tries


def own_sensing(tries: Tries, model: Model, engine: str, kernel: str, solver: str | None) -> None:
    """Generate, sense, recover and verify."""
    golden, where = model.bundle.golden, f"{engine}/{kernel}"
    options: dict[str, Any] = {"steps": 2, "restarts": 2, "max_seconds": 2, "threads": 1}
    tries.go(f"{where} generate",
             lambda: model.engine(engine, kernel, 1).generate(golden.latents[:ROWS]))  # fmt: skip
    tries.go(f"{where} sense", lambda: model.engine(engine, kernel, 1).sense(golden.images[:ROWS]))
    found = tries.go(
        f"{where} recover {solver}",
        lambda: model.recover(
            golden.measurements[:ROWS], solver=solver, engine=engine, kernel=kernel, **options
        ),
    )
    tries.finite(f"{where} recover", None if found is None else found.image)
    tries.go(
        f"{where} verify",
        lambda: replay(model.engine(engine, kernel, 1), _with_few_cases(model.bundle)),
    )


def _with_few_cases(bundle: Bundle) -> Bundle:
    """Return the bundle with its first golden cases: all of a large prior's take seconds."""
    cases = {name: values[:CASES] for name, values in vars(bundle.golden).items()}
    return replace(bundle, golden=GoldenCases(**{**cases, "trace": bundle.golden.trace[:, :CASES]}))


def frame_and_operator(
    rng: random.Random, geometry: tuple[int, int, int]
) -> tuple[tuple[int, int], Operator | None]:
    """Return a frame near a prior's own, and now and then far from it, with an operator for it."""
    _, height, width = geometry
    frame = rng.choice(
        ((height, width), (height + 3, width + 1), (height + 1, 2 * width), (1, 1),
         (2**14, 2**14), (height, 2**40))
    )  # fmt: skip
    if math.prod(frame) > 2**12:
        return frame, None
    random_rows = np.random.default_rng(rng.randrange(2**32))
    side = min(*frame, 5)
    matrix, blocks = (random_rows.standard_normal((3, n)) for n in (math.prod(frame), side * side))
    if math.prod(frame) < 3 or side * side < 3:
        return frame, None
    return frame, rng.choice((Matrix(matrix, frame), Blocks(blocks, side, frame)))


def at_frame(tries: Tries, model: Model, engine: str, kernel: str, frame: tuple[int, int]) -> None:
    """Bind the prior to a frame, draw from it and take J^T c."""
    where = f"{engine}/{kernel} at {frame}"
    prior = tries.go(where, lambda: model.at(frame, engine, kernel, 1))
    if prior is None or prior.latent > _LATENT:
        return
    z = np.random.default_rng(0).standard_normal((1, prior.latent)).astype(np.float32)
    images = tries.go(f"{where} generate", lambda: prior.generate(z))
    if images is not None:
        tries.go(f"{where} vjp", lambda: prior.vjp(z, np.ones_like(images)))


def operated(
    tries: Tries, model: Model, engine: str, kernel: str, operator: Operator, rng: random.Random
) -> None:
    """Recover what an operator measured, with the solver that the prior chooses or another."""
    solver, noise = rng.choice((None, None, None, *SOLVERS)), rng.choice(_NOISE)
    y = np.full((1, model.geometry[0] * operator.size), 0.5, np.float32)
    options: dict[str, Any] = {"steps": 2, "max_seconds": 2, "threads": 1}
    where = f"{engine}/{kernel} recover {solver}, noise {noise}, {operator!r}"
    found = tries.go(
        where,
        lambda: model.recover(
            y, operator=operator, noise=noise, solver=solver, engine=engine, kernel=kernel,
            **options,
        ),
    )  # fmt: skip
    tries.finite(where, None if found is None else found.image)
