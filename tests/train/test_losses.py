"""The three losses: what they are blind to, what they are bounded by."""

import pytest
import torch

from bitprior_train.config import LossConfig
from bitprior_train.losses import (
    gradient_difference_loss,
    measurement_loss,
    norm,
    s_rec,
    signed_range,
)

SQUARED = LossConfig()
HINGE = LossConfig(mode="hinge")


def images(seed: int, count: int = 4) -> torch.Tensor:
    return torch.rand(count, 1, 6, 5, generator=torch.Generator().manual_seed(seed))


def test_signed_range_maps_zero_and_one_to_minus_one_and_one() -> None:
    assert signed_range(torch.tensor([0.0, 0.5, 1.0])).tolist() == [-1.0, 0.0, 1.0]


def test_the_measurement_loss_sums_over_measurements_and_averages_over_the_batch() -> None:
    y, y_hat = torch.zeros(2, 3), torch.tensor([[1.0, 2.0, 2.0], [0.0, 0.0, 1.0]])
    assert measurement_loss(y, y_hat).item() == pytest.approx((9 + 1) / 2)


@pytest.mark.parametrize("loss", [SQUARED, HINGE])
def test_s_rec_is_zero_for_an_isometry(loss: LossConfig) -> None:
    # In float64: how float32 rounds a product differs from one processor to the next.
    x1, x2 = images(0).double(), images(1).double()
    drawn = torch.randn(30, 30, generator=torch.Generator().manual_seed(2)).double()
    rotation, _ = torch.linalg.qr(drawn)
    y1, y2 = x1.flatten(1) @ rotation, x2.flatten(1) @ rotation
    assert s_rec(x1, x2, y1, y2, loss).item() == pytest.approx(0.0, abs=1e-10)


def test_squared_s_rec_punishes_distances_that_grow_and_hinge_only_those_that_shrink() -> None:
    x1, x2 = images(0), images(1)
    y1, y2 = x1.flatten(1), x2.flatten(1)
    assert s_rec(x1, x2, 2 * y1, 2 * y2, SQUARED) > 0.1
    assert s_rec(x1, x2, 2 * y1, 2 * y2, HINGE) == 0
    assert s_rec(x1, x2, 0.5 * y1, 0.5 * y2, HINGE) > 0.1


@pytest.mark.parametrize("loss", [SQUARED, HINGE])
@pytest.mark.parametrize("scale", [0.0, 1.0, 1e3])
def test_s_rec_is_bounded_below(loss: LossConfig, scale: float) -> None:
    x1, x2 = images(0), images(1)
    for sign in (-1, 1):  # the bracket printed in the paper would fall without end for one of them
        y1, y2 = sign * scale * x1.flatten(1), scale * x2.flatten(1)
        assert s_rec(x1, x2, y1, y2, loss) >= 0


def test_s_rec_uses_gamma_and_delta() -> None:
    x1, x2 = torch.zeros(1, 1, 1, 4), torch.ones(1, 1, 1, 4)  # distance 2
    y1, y2 = torch.zeros(1, 2), torch.tensor([[3.0, 4.0]])  # distance 5
    loss = LossConfig(gamma=0.5, delta=0.25)
    assert s_rec(x1, x2, y1, y2, loss).item() == pytest.approx((0.5 * 2 - 0.25 - 5) ** 2, rel=1e-5)


def test_s_rec_has_a_finite_gradient_at_equal_images() -> None:
    x = images(0).requires_grad_()
    weight = torch.ones(30, 3, requires_grad=True)
    y = x.flatten(1) @ weight
    s_rec(x, x.detach(), y, y.detach(), SQUARED).backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()
    assert weight.grad is not None
    assert torch.isfinite(weight.grad).all()


def test_norm_is_that_of_each_row() -> None:
    assert norm(torch.tensor([[3.0, 4.0], [0.0, 2.0]])).tolist() == pytest.approx([5.0, 2.0])


def test_the_gradient_difference_is_blind_to_a_constant_offset() -> None:
    x, x_hat = images(0), images(1)
    torch.testing.assert_close(
        gradient_difference_loss(x, x_hat + 0.3), gradient_difference_loss(x, x_hat)
    )
    assert gradient_difference_loss(x, x + 0.3).item() == pytest.approx(0.0, abs=1e-10)


@pytest.mark.parametrize("transpose", [False, True])
def test_the_gradient_difference_sees_each_axis(transpose: bool) -> None:
    x, ramp = torch.zeros(1, 1, 3, 3), torch.arange(3.0).expand(1, 1, 3, 3)
    ramp = ramp.transpose(2, 3) if transpose else ramp
    # a ramp of slope 1 differs by 1 in each of the 2 x 3 differences along its axis
    assert gradient_difference_loss(x, ramp).item() == pytest.approx(6.0)


def test_the_gradient_difference_sums_over_pixels_and_averages_over_the_batch() -> None:
    x = images(0, count=2)
    one = gradient_difference_loss(x[:1], x[:1] * 0.5)
    other = gradient_difference_loss(x[1:], x[1:] * 0.5)
    torch.testing.assert_close(gradient_difference_loss(x, x * 0.5), (one + other) / 2)
