"""A product with J^T at the latent drawn last is the one that draws it again, bit for bit."""

import numpy as np
import pytest

from bitprior_runtime.engines.last_drawn import LastDrawn
from bitprior_runtime.engines.native_float_engine import NativeFloatEngine
from bitprior_runtime.engines.native_integer_engine import NativeIntegerEngine
from builders.conformance import system


def made(name, bundle, threads):
    """Return an engine on native kernels."""
    if name == "float":
        return NativeFloatEngine(bundle.generator, bundle.sensing, threads=threads)
    parts = (bundle.generator, bundle.sensing, bundle.manifest.calibration)
    return NativeIntegerEngine(*parts, threads=threads)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("system_name", ["mlp", "cut began", "photo"])
@pytest.mark.parametrize("engine", ["float", "integer"])
def test_going_back_from_what_was_drawn_gives_the_same_bits(engine, system_name, threads):
    bundle = system(system_name, 4)
    z, y = bundle.golden.latents[:1], bundle.golden.measurements[:1]
    c = np.random.default_rng(0).standard_normal(y.shape).astype(np.float32)
    ours = made(engine, bundle, threads)
    at, at_twice = (made(engine, bundle, threads).vjp(latent, c) for latent in (z, 2 * z))
    assert not np.array_equal(at, at_twice)

    moved = z.copy()
    ours.generate(moved)
    np.testing.assert_array_equal(ours.vjp(moved, c), at)
    np.testing.assert_array_equal(ours.vjp(moved, c), at)
    moved *= 2  # in place, as a search may
    np.testing.assert_array_equal(ours.vjp(moved, c), at_twice)
    for other in (
        lambda: ours.value_and_grad(z, y),
        lambda: ours.sense(ours.generate(z)),
        lambda: ours.loss(z, y),
        lambda: ours.generate(np.concatenate([z, moved])),
        lambda: ours.vjp(z, np.concatenate([c, c])),
    ):
        ours.generate(moved)
        other()
        np.testing.assert_array_equal(ours.vjp(moved, c), at_twice)


def test_only_the_very_latent_counts_as_drawn():
    last = LastDrawn()
    assert last.at(np.zeros((1, 3))) is None
    last.keep(np.array([[0.0, 1.0, np.nan]]), "kept")
    assert last.at(np.array([[0.0, 1.0, np.nan]])) is None  # NaN is never equal
    last.keep(np.ones((1, 3)), "kept")
    assert last.at(np.ones((1, 3))) == "kept"
    assert last.at(np.ones((2, 3))) is None
    last.keep(np.ones((2, 3)), "kept")
    assert last.at(np.ones((1, 3))) is None
