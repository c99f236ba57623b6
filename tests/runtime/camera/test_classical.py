"""Recovery without a trained prior: what each method promises, on small operators."""

import numpy as np
import pytest

from bitprior_runtime.camera.classical import (
    divergence,
    gradient,
    operator_norm,
    pseudo_inverse,
    total_variation,
)
from bitprior_runtime.errors import UsageError
from bitprior_runtime.sensing import Matrix

FRAME = (8, 12)


def drawn(m, seed=0):
    return np.random.default_rng(seed).standard_normal((m, 96)).astype(np.float32)


@pytest.fixture
def flat_patches():
    """Two images of a rectangle on a flat ground, which total variation is made for."""
    x = np.full((2, 1, *FRAME), 0.2, np.float32)
    x[0, :, 2:6, 3:9] = 0.9
    x[1, :, 1:4, 5:11] = 0.7
    return x


def test_the_pseudo_inverse_is_numpys_of_few_measurements(flat_patches):
    rows = drawn(40)
    operator = Matrix(rows, FRAME)
    y = operator.forward(flat_patches)
    found = pseudo_inverse(operator, y)
    expected = y @ np.linalg.pinv(rows.astype(np.float64)).T
    assert np.abs(found.image.reshape(2, -1) - expected).max() < 1e-3
    assert found.residual.max() < 1e-4 * np.square(y).sum(axis=1).max()


def test_few_steps_of_the_pseudo_inverse_leave_a_larger_residual(flat_patches):
    operator = Matrix(drawn(40), FRAME)
    y = operator.forward(flat_patches)
    few, many = (pseudo_inverse(operator, y, steps) for steps in (3, 60))
    assert (few.residual > 10 * many.residual).all()
    assert few.steps == 3


def test_the_divergence_is_the_negative_adjoint_of_the_gradient():
    rng = np.random.default_rng(1)
    x, q = rng.standard_normal((2, 1, 5, 7)), rng.standard_normal((2, 2, 1, 5, 7))
    left, right = float((gradient(x) * q).sum()), float((x * divergence(q)).sum())
    assert left == pytest.approx(-right, rel=1e-12)


def test_the_norm_of_an_operator_is_its_largest_singular_value():
    rows = drawn(30)
    found = operator_norm(Matrix(rows, FRAME))
    assert found <= 1.0001 * np.linalg.svd(rows)[1][0]
    assert found == pytest.approx(np.linalg.svd(rows)[1][0], rel=0.03)


def test_total_variation_finds_flat_patches_that_least_squares_does_not(flat_patches):
    operator = Matrix(drawn(48), FRAME)
    y = operator.forward(flat_patches)
    noise = 0.02
    y = y + noise * np.random.default_rng(2).standard_normal(y.shape).astype(np.float32)
    found = total_variation(operator, y, noise)
    inverse = pseudo_inverse(operator, y)

    def error(image):
        return float(np.sqrt(np.mean((image - flat_patches) ** 2)))

    assert error(found.image) < 0.25 * error(inverse.image)


def test_total_variation_ends_at_the_residual_of_the_noise(flat_patches):
    operator = Matrix(drawn(48), FRAME)
    y = operator.forward(flat_patches)
    noise = 0.1
    y = y + noise * np.random.default_rng(3).standard_normal(y.shape).astype(np.float32)
    found = total_variation(operator, y, noise)
    assert 0.5 < found.residual.sum() / (y.size * noise**2) <= 1.0


def test_total_variation_at_0_or_above_has_no_negative_pixel(flat_patches):
    operator = Matrix(drawn(30), FRAME)
    y = operator.forward(flat_patches - 0.2)
    assert total_variation(operator, y, 0.01, nonnegative=True).image.min() >= 0
    assert total_variation(operator, y, 0.01).image.min() < 0


@pytest.mark.parametrize(
    ("y", "found"),
    [
        (np.zeros((1, 29), np.float32), "shape"),
        (np.full((1, 30), np.nan, np.float32), "NaN"),
        (np.zeros((1, 30), complex), "complex"),
    ],
)
def test_measurements_that_are_none_are_refused_in_one_line(y, found):
    operator = Matrix(drawn(30), FRAME)
    for method in (pseudo_inverse, lambda a, b: total_variation(a, b, 0.1)):
        with pytest.raises(UsageError, match=found) as caught:
            method(operator, y)
        assert "\n" not in str(caught.value)


def test_no_steps_and_a_negative_noise_are_refused():
    operator = Matrix(drawn(30), FRAME)
    y = np.zeros((1, 30), np.float32)
    with pytest.raises(UsageError, match="at least 1 step"):
        pseudo_inverse(operator, y, 0)
    with pytest.raises(UsageError, match="noise"):
        total_variation(operator, y, -1.0)
