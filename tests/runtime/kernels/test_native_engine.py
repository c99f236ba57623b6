"""The native float engine as a whole: rows, threads, the loop inside."""

import ctypes
import gc
import itertools
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from bitprior_runtime.engines import FloatEngine, ProximalEngine
from bitprior_runtime.engines.base import Loop
from bitprior_runtime.engines.native_float_engine import NativeFloatEngine
from bitprior_runtime.errors import UsageError
from bitprior_runtime.kernels import NativeError
from bitprior_runtime.kernels.library import library
from bitprior_runtime.solvers import ProximalOptions, hard_threshold, proximal
from builders.bundles import tiny_bundle


def engine(instructions=None, bits=4, threads=1):
    bundle = tiny_bundle(bits=bits)
    return NativeFloatEngine(bundle.generator, bundle.sensing, instructions, threads)


class WithoutLoop:
    """The engine's arithmetic alone: the solver's own loop has to run."""

    name = kernel = "without loop"

    def __init__(self, inner):
        self.generate, self.sense, self.loss = inner.generate, inner.sense, inner.loss
        self.value_and_grad = inner.value_and_grad


def batch(rows, seed=0):
    rng = np.random.default_rng(seed)
    return (
        rng.standard_normal((rows, 4)).astype(np.float32),
        rng.standard_normal((rows, 3)).astype(np.float32),
    )


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 8, 32])
@pytest.mark.parametrize("rows", [1, 3, 16, 40])
def test_a_prior_gives_what_numpy_gives(instructions, bits, rows):
    bundle = tiny_bundle(bits=bits)
    reference = FloatEngine(bundle.generator, bundle.sensing, np.float64)
    subject = engine(instructions, bits)
    z, y = batch(rows)
    for found, expected in [
        (subject.generate(z), reference.generate(z)),
        *zip(subject.value_and_grad(z, y), reference.value_and_grad(z, y), strict=True),
    ]:
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_row_is_the_same_bit_for_bit_in_any_batch_and_on_any_thread(instructions, threads):
    z, y = batch(37)
    loss, gradient = engine(instructions).value_and_grad(z, y)
    subject = engine(instructions, threads=threads)
    for rows in (slice(0, 37), slice(5, 6), slice(10, 29)):
        again = subject.value_and_grad(z[rows], y[rows])
        np.testing.assert_array_equal(again[0], loss[rows])
        np.testing.assert_array_equal(again[1], gradient[rows])


@pytest.mark.parametrize("kind", [{}, {"momentum": True}, {"projection": "unit-sphere"}])
@pytest.mark.parametrize("sparsity", [None, 2, 9])
@pytest.mark.parametrize("tolerance", [0.0, 1e-3, 0.5])
def test_the_loop_inside_equals_the_solvers_own_bit_for_bit(
    instructions, sparsity, tolerance, kind
):
    subject = engine(instructions, threads=2)
    z0, y = batch(21)
    options = ProximalOptions(30, 0.3, sparsity, tolerance, **kind)
    inside, outside = (proximal(e, y, z0, options) for e in (subject, WithoutLoop(subject)))
    for name in ("latent", "history", "loss", "steps", "evaluations"):
        np.testing.assert_array_equal(getattr(inside, name), getattr(outside, name))


def test_some_rows_stop_early_in_that_comparison():
    z0, y = batch(21)
    history = proximal(engine(), y, z0, ProximalOptions(30, 0.05, None, 1e-3)).history
    still = (history[-2] == history[-1]).sum()
    assert 0 < still < 21


def test_progress_is_told_as_a_share_of_the_steps_and_changes_nothing():
    z0, y = batch(70)
    told = []
    options = ProximalOptions(10, 0.05)
    watched = proximal(engine(), y, z0, options, lambda *step: told.append(step))
    np.testing.assert_array_equal(watched.latent, proximal(engine(), y, z0, options).latent)
    assert told == [(4, 10), (9, 10), (10, 10)]


def test_diverging_steps_end_in_nan_as_in_numpy():
    z0, y = batch(3)
    for tolerance, momentum in itertools.product((0.0, 1e-3), (False, True)):
        options = ProximalOptions(200, 1e6, tolerance=tolerance, momentum=momentum)
        with np.errstate(all="ignore"):
            found, expected = (
                proximal(e, y, z0, options) for e in (engine(), WithoutLoop(engine()))
            )
        np.testing.assert_array_equal(np.isfinite(found.loss), np.isfinite(expected.loss))
        np.testing.assert_array_equal(found.steps, expected.steps)


def test_only_the_native_engine_has_a_loop_of_its_own():
    bundle = tiny_bundle()
    assert isinstance(engine(), ProximalEngine)
    assert not isinstance(FloatEngine(bundle.generator, bundle.sensing), ProximalEngine)


def test_the_inputs_are_left_alone_and_may_lie_anyhow():
    z, y = batch(4)
    kept = z.copy(), y.copy()
    subject = engine()
    expected = subject.value_and_grad(z, y)
    proximal(subject, y, z, ProximalOptions(3))
    np.testing.assert_array_equal(z, kept[0])
    np.testing.assert_array_equal(y, kept[1])
    strided = np.repeat(z, 2, axis=1)[:, ::2], np.asfortranarray(y.astype(np.float64))
    for found, wanted in zip(subject.value_and_grad(*strided), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_arrays_of_other_sizes_never_reach_c():
    subject = engine()
    z, y = batch(4)
    for call in (
        lambda: subject.generate(z[:, :3]),
        lambda: subject.generate(z[0, 0]),
        lambda: subject.sense(np.zeros((1, 6), np.float32)),
        lambda: subject.loss(z, y[:, :2]),
        lambda: subject.value_and_grad(z, y[:3]),
        lambda: subject.proximal(z, y[:3], Loop(5, 0.1)),
    ):
        with pytest.raises(UsageError):
            call()
    with pytest.raises(NativeError, match="out of its range"):
        subject.proximal(z, y, Loop(0, 0.1))


def test_an_empty_batch_gives_empty_results():
    z, y = batch(0)
    loss, gradient = engine(threads=2).value_and_grad(z, y)
    assert loss.shape == (0,)
    assert gradient.shape == (0, 4)


def test_two_python_threads_may_share_an_engine():
    subject = engine()
    z, y = batch(64)
    expected = subject.value_and_grad(z, y)[1]

    def work(_):
        return all(np.array_equal(subject.value_and_grad(z, y)[1], expected) for _ in range(50))

    with ThreadPoolExecutor(2) as workers:
        assert list(workers.map(work, range(2))) == [True, True]


FORKED = """
import os, sys
import numpy as np
sys.path.insert(0, {tests!r})
from builders.bundles import tiny_bundle
from bitprior_runtime.engines.base import Loop
from bitprior_runtime.engines.native_float_engine import NativeFloatEngine
bundle = tiny_bundle()
subject = NativeFloatEngine(bundle.generator, bundle.sensing, threads=3)
z = np.ones((20, 4), np.float32)
x = subject.generate(z)
child = os.fork()
if child == 0:
    os._exit(0 if np.array_equal(subject.generate(z), x) else 1)
print(os.waitpid(child, 0)[1])
"""


def test_a_child_process_works_on_without_its_parents_threads():
    code = FORKED.format(tests=str(Path(__file__).parents[2]))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "0\n"


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def test_engines_and_their_threads_leave_nothing_behind():
    z, y = batch(16)

    def use():
        subject = engine(threads=3)
        subject.value_and_grad(z, y)
        assert subject.workspace_bytes > 0

    for _ in range(20):
        use()
    gc.collect()
    before = resident()
    for _ in range(200):
        use()
    gc.collect()
    assert resident() - before < 2e6


@pytest.mark.parametrize("k", [1, 2, 5, 64, 100])
def test_the_threshold_in_c_equals_the_solvers_with_ties_and_nan(k):
    rng = np.random.default_rng(k)
    for case in range(200):
        z = rng.integers(-4, 5, k).astype(np.float32)
        if case % 3 == 0:
            z = rng.standard_normal(k).astype(np.float32)
        if case % 7 == 0:
            z[rng.integers(k)] = np.nan
        if case % 11 == 0:
            z[rng.integers(k)] = -np.inf
        s = int(rng.integers(1, k + 2))
        expected = hard_threshold(z[np.newaxis], s)[0]
        found, scratch = z.copy(), np.empty(k, np.float32)
        library().bp_hard_threshold(
            ctypes.c_void_p(found.ctypes.data),
            ctypes.c_int64(k),
            ctypes.c_int64(s),
            ctypes.c_void_p(scratch.ctypes.data),
        )
        np.testing.assert_array_equal(found, expected)
