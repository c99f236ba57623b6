"""Operators and linear estimates in integers: near the float ones, and the same bits everywhere."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bitprior_runtime.errors import UsageError
from bitprior_runtime.sensing import Blocks, Matrix
from bitprior_runtime.sensing.exact import ExactRectangles
from bitprior_runtime.sensing.exact_estimate import ExactEstimate, log2_in_steps, loss_in_order
from bitprior_runtime.sensing.linear_estimate import LinearEstimate
from builders.searching import made_up_covariance, made_up_photos

COVARIANCE = made_up_covariance()
FRAME = (40, 37)
RANDOM = np.random.default_rng(4)
GAUSSIAN = RANDOM.standard_normal((60, 256)) / 16
PHOTOS = made_up_photos(2, *FRAME)
ROWS = {
    "gaussian": GAUSSIAN,
    "signs": np.sign(GAUSSIAN),
    "ones and zeros": (GAUSSIAN > 0).astype(float),
    "of many lengths": GAUSSIAN * 10.0 ** np.linspace(-6, 6, 60)[:, np.newaxis],
    "single pixels": np.eye(256)[RANDOM.permutation(256)[:60]],
}
all_rows = pytest.mark.parametrize("kind", ROWS)


def exact(kind: str = "gaussian") -> ExactRectangles:
    return ExactRectangles(Blocks(ROWS[kind], 16, FRAME))


@all_rows
def test_it_measures_what_the_float_form_measures(kind: str) -> None:
    plain = Blocks(ROWS[kind], 16, FRAME)
    lengths = np.tile(np.linalg.norm(ROWS[kind], axis=1), plain.blocks)
    error = (exact(kind).forward(PHOTOS) - plain.forward(PHOTOS)) / lengths
    assert np.abs(error).max() < 2e-4
    y = plain.forward(PHOTOS)
    scale = np.abs(plain.adjoint(y)).max()
    np.testing.assert_allclose(exact(kind).adjoint(y), plain.adjoint(y), atol=2e-4 * scale)


@pytest.mark.parametrize("kind", ["signs", "ones and zeros", "single pixels"])
def test_patterns_of_small_whole_numbers_are_kept_as_they_are(kind: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 1, *FRAME)) / np.float32(256)
    np.testing.assert_array_equal(exact(kind).matrix, ROWS[kind])
    plain = Blocks(ROWS[kind], 16, FRAME)
    np.testing.assert_array_equal(exact(kind).forward(pixels), plain.forward(pixels))


@all_rows
@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_its_estimate_is_that_of_the_float_form(kind: str, noise: float) -> None:
    plain = LinearEstimate(Blocks(ROWS[kind], 16, FRAME), COVARIANCE, noise)
    twin = ExactEstimate(exact(kind), COVARIANCE, noise)
    np.testing.assert_allclose(twin.deviation, plain.deviation, atol=2e-4)
    np.testing.assert_allclose(twin.features, plain.features, atol=1e-3)
    r = plain.operator.forward(PHOTOS - np.float32(COVARIANCE.mean))
    np.testing.assert_allclose(twin.estimate(r), plain.estimate(r), atol=1e-3)
    np.testing.assert_allclose(twin.inverse(r), plain.inverse(r), atol=1e-3)
    mixed = twin.pulled(r, 0.5, -0.25)
    np.testing.assert_allclose(mixed, plain.pulled(r, 0.5, -0.25), atol=1e-3)


def test_features_are_whole_multiples_of_a_step() -> None:
    features = ExactEstimate(exact(), COVARIANCE, 0.1).features.astype(np.float64) * 1024
    np.testing.assert_array_equal(features, np.rint(features))


@pytest.mark.parametrize("value", [1.0, 2.0**-16, 0.3, 0.999999, 3.7, 1e-6])
def test_the_logarithm_by_squaring_is_the_logarithm(value: float) -> None:
    assert 0 <= np.log2(value) - log2_in_steps(value) <= 2.0**-16


@all_rows
def test_the_order_of_sums_changes_no_bit(kind: str) -> None:
    pixels, rows = np.random.default_rng(1).permutation(256), slice(None, None, -1)
    twin = exact(kind)
    y = twin.forward(PHOTOS)
    turned = exact(kind)
    turned.codes = twin.codes[:, pixels]
    turned.split = lambda x: twin.split(x)[..., pixels]  # type: ignore[method-assign]
    np.testing.assert_array_equal(turned.forward(PHOTOS), y)
    readings = twin.readings(y)
    gain = np.rint(np.random.default_rng(2).standard_normal((60, 256)) * 2.0**16)
    forth = twin.product(readings, gain, -16)
    np.testing.assert_array_equal(twin.product(readings[..., rows], gain[rows], -16), forth)


def test_no_sum_of_whole_numbers_can_reach_what_float64_rounds() -> None:
    for m, n in ((1, 1), (60, 256), (272, 1089), (256, 65536)):
        if n < 65536:
            twin = exact_of(m, n)
            assert n * 2.0**15 * 2.0**twin._pixel_bits <= 2.0**53
            assert m * 2.0**18 * 2.0**twin._reading_bits <= 2.0**53


def exact_of(m: int, n: int) -> ExactRectangles:
    rows = np.random.default_rng(0).standard_normal((m, n))
    return ExactRectangles(Matrix(rows, (1, n)))


def test_pixels_and_readings_far_out_of_range_are_clipped() -> None:
    twin = exact()
    far = np.full((1, 1, *FRAME), 1e30, np.float32)
    np.testing.assert_array_equal(twin.forward(far), twin.forward(np.full_like(far, 8)))
    assert np.isfinite(ExactEstimate(twin, COVARIANCE).estimate(1e30 * twin.forward(far))).all()


def test_a_loss_is_summed_from_the_first_entry_on() -> None:
    r = np.random.default_rng(0).standard_normal((2, 1000)).astype(np.float32)
    wanted = []
    for row in r.astype(np.float64):
        total = 0.0
        for value in row:
            total += value * value
        wanted.append(np.float32(total))
    np.testing.assert_array_equal(loss_in_order(r), wanted)


def test_blocks_that_are_too_large_for_exact_gains_are_refused() -> None:
    rows = np.random.default_rng(0).standard_normal((3, 65 * 65))
    twin = ExactRectangles(Matrix(rows, (65, 65)))
    with pytest.raises(UsageError, match="4096 pixels"):
        ExactEstimate(twin, COVARIANCE)


_DIGEST = """
import hashlib, sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from bitprior_runtime.sensing import Blocks
from bitprior_runtime.sensing.covariance import Covariance
from bitprior_runtime.sensing.exact_estimate import ExactEstimate
rows = np.random.default_rng(0).integers(-9, 10, (100, 400)) / 32
lags = np.arange(16)
table = (0.06 * 0.5 ** (np.hypot(lags[:, None], lags) / 8)).astype(np.float32)
table = np.rint(table * 2**20) / np.float32(2**20)
twin = ExactEstimate(Blocks(rows, 20, (50, 47)).exact(), Covariance(0.45, table), 0.05)
x = np.random.default_rng(1).integers(0, 256, (3, 1, 50, 47)) / np.float32(256)
y = twin.operator.forward(x)
parts = [y, twin.pulled(y, 0.3, 0.6), twin.operator.adjoint(y), twin.deviation, twin.features]
print(hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest())
"""
# What every machine must find.
_EVERYWHERE = "4ac214b641701408d58d7b071aae7e4184a1f2875a78edec0c6f1295aa8c4e02"


@pytest.mark.parametrize(
    "changes",
    [
        {"OPENBLAS_NUM_THREADS": "1"},
        {"OPENBLAS_NUM_THREADS": "2"},
        {"OPENBLAS_CORETYPE": "Prescott"},
        {"NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F AVX512_SKX"},
    ],
)
def test_threads_and_instructions_change_no_bit(changes: dict[str, str]) -> None:
    root = Path(__file__).parents[3] / "runtime"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _DIGEST, str(root)],
        env={**os.environ, **changes}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == _EVERYWHERE
