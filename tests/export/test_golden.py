"""Golden cases: of real images those whose recovery replays anywhere."""

import numpy as np
import pytest

from bitprior_export import golden
from bitprior_export.golden import CASES, make_golden
from bitprior_runtime.bundle import SolverDefaults
from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.errors import CheckFailedError
from builders.bundles import GEOMETRY, tiny_bundle

SOLVER = SolverDefaults(step_size=0.05, sparsity=3)


def made(count):
    bundle = tiny_bundle()
    images = np.random.default_rng(5).random((count, *GEOMETRY), dtype=np.float32)
    engine = FloatEngine(bundle.generator, bundle.sensing)
    return make_golden(bundle.generator, bundle.sensing, images, SOLVER), engine.sense(images)


def rows_of(cases, measurements):
    """Return which image each case comes from."""
    return [int(np.abs(measurements - y).max(axis=1).argmin()) for y in cases.measurements]


def test_rows_that_hinge_on_rounding_are_passed_over(monkeypatch):
    right = golden.steady_rows

    def first_two_do(engine, y, z0, options):
        steady = right(engine, y, z0, options)
        if not asked:
            steady[:2] = False
        asked.append(len(y))
        return steady

    asked = []
    before, measurements = made(24)
    monkeypatch.setattr(golden, "steady_rows", first_two_do)
    after, _ = made(24)
    passed_over = rows_of(before.cases, measurements)[:2]
    assert not set(passed_over) & set(rows_of(after.cases, measurements))
    assert len(after.cases.latents) == CASES


def test_only_as_many_images_are_tried_as_it_takes(monkeypatch):
    tried = []
    right = golden._judge

    def counting(single, double, y, z, solver):
        tried.append(len(y))
        return right(single, double, y, z, solver)

    monkeypatch.setattr(golden, "_judge", counting)
    made(64)
    assert sum(tried) < 64


def test_too_few_steady_images_are_an_error(monkeypatch):
    monkeypatch.setattr(
        golden, "steady_rows", lambda engine, y, z0, options: np.zeros(len(y), bool)
    )
    with pytest.raises(CheckFailedError, match="0 of 12; the others hinge on rounding"):
        made(12)
