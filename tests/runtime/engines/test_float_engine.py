"""The float engine against finite differences, and on batches."""

import numpy as np
import pytest

from bitprior_runtime.engines import FloatEngine
from builders.bundles import tiny_bundle


def engine(bits=4, dtype=np.float32):
    bundle = tiny_bundle(bits=bits)
    return FloatEngine(bundle.generator, bundle.sensing, dtype)


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 32])
def test_the_gradient_equals_finite_differences_in_20_directions(bits):
    subject = engine(bits, np.float64)
    rng = np.random.default_rng(0)
    z, y = rng.standard_normal((3, 4)), rng.standard_normal((3, 3))
    loss, gradient = subject.value_and_grad(z, y)
    np.testing.assert_allclose(loss, subject.loss(z, y), rtol=1e-12)
    for _ in range(20):
        direction = rng.standard_normal(z.shape)
        step = 1e-6 * direction
        slope = (subject.loss(z + step, y) - subject.loss(z - step, y)).sum() / 2e-6
        assert np.vdot(gradient, direction) == pytest.approx(slope, rel=1e-5)


@pytest.mark.parametrize("batch", [1, 3, 16])
def test_a_row_does_not_depend_on_the_batch_it_is_in(batch):
    subject = engine()
    rng = np.random.default_rng(1)
    z, y = rng.standard_normal((2, batch, 4)).astype(np.float32)
    y = y[:, :3]
    loss, gradient = subject.value_and_grad(z, y)
    for row in range(batch):
        alone_loss, alone = subject.value_and_grad(z[row : row + 1], y[row : row + 1])
        np.testing.assert_allclose(loss[row], alone_loss[0], rtol=1e-5)
        np.testing.assert_allclose(gradient[row], alone[0], rtol=1e-4, atol=1e-6)


def test_everything_stays_float32():
    subject = engine()
    z, y = np.ones((2, 4), np.float32), np.ones((2, 3), np.float32)
    loss, gradient = subject.value_and_grad(z, y)
    assert {loss.dtype, gradient.dtype, subject.generate(z).dtype} == {np.dtype(np.float32)}


def test_the_inputs_are_left_alone():
    subject = engine()
    z, y = np.ones((2, 4), np.float32), np.ones((2, 3), np.float32)
    subject.value_and_grad(z, y)
    assert (z == 1).all()
    assert (y == 1).all()


def test_products_with_the_jacobian_agree_with_the_gradient_and_with_differences():
    float64 = engine(dtype=np.float64)
    rng = np.random.default_rng(7)
    z, y = rng.standard_normal((3, 4)), rng.standard_normal((3, 3))
    residual = float64.sense(float64.generate(z)) - y
    np.testing.assert_allclose(
        float64.vjp(z, 2 * residual), float64.value_and_grad(z, y)[1], rtol=1e-12
    )
    # One latent for all cotangents: the rows of J.
    jacobian = float64.vjp(z[:1], np.eye(3))
    h = 1e-6 * np.eye(4)
    ahead, behind = (float64.sense(float64.generate(z[0] + step)) for step in (h, -h))
    np.testing.assert_allclose(jacobian, (ahead - behind).T / 2e-6, rtol=1e-6, atol=1e-9)
