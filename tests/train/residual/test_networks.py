"""Networks, start, bits and recovery of a linear-residual prior."""

import numpy as np
import pytest
import torch

from bitprior_train.baselines import fit_principal_components
from bitprior_train.residual.config import ResidualModelConfig, ResidualQuantiserConfig
from bitprior_train.residual.networks import ResidualNetworks, mean_bits, weight_bits
from bitprior_train.residual.recovery import descend, psnr, recovery_psnr

GEOMETRY = (3, 8, 8)
MODEL = ResidualModelConfig(measurements=6, filters=16, blocks=1)


def networks(bits: int = 32, low: bool = False) -> ResidualNetworks:
    torch.manual_seed(0)
    return ResidualNetworks(MODEL, GEOMETRY, ResidualQuantiserConfig(bits=bits), low)


def images(count: int = 40) -> np.ndarray:
    """Mixtures of a few patterns, in [0, 1]."""
    random = np.random.default_rng(0)
    patterns = random.random((8, *GEOMETRY))
    shares = random.dirichlet(np.ones(8), count)
    return np.einsum("np,pchw->nchw", shares, patterns).astype(np.float32)


def test_a_prior_starts_as_the_principal_components() -> None:
    pca = fit_principal_components(images(), 6)
    whole = networks()
    whole.start_at(pca)
    x = torch.from_numpy(images())
    with torch.no_grad():
        found = whole.generator(whole.sensing(x)).numpy()
    np.testing.assert_allclose(found, pca.project(images(), 6), atol=1e-5)


@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_only_the_inner_convolutions_have_the_bits_of_the_name(bits: int) -> None:
    low = networks(bits)
    low.start_at(fit_principal_components(images(), 6))
    low.settle()
    found = weight_bits(low.generator)
    assert found["linear"] == (6 * 192, 8)
    assert found["edges"] == (2 * 3 * 16 * 16, 8)
    assert found["residual"] == (2 * 16 * 16 * 9, bits)
    total = 6 * 192 + 2 * 768 + 4608
    assert mean_bits(low.generator) == pytest.approx((8 * (1152 + 1536) + bits * 4608) / total)


def test_inner_weights_lie_on_as_many_levels_as_the_bits_allow() -> None:
    low = networks(2)
    low.settle()
    weight = low.generator.residual.blocks[0].first.quant_weight().value
    assert all(len(channel.unique()) <= 4 for channel in weight)


def test_bfloat16_makes_nearly_the_images_of_float32() -> None:
    exact, low = networks(), networks(low=True)
    z = torch.randn(3, 6)
    with torch.no_grad():
        difference = (exact.generator(z) - low.generator(z)).abs().max()
        scale = exact.generator(z).abs().max()
    assert 0 < difference < 0.03 * scale


def test_steps_are_those_of_the_gradient_of_the_measurement_loss() -> None:
    whole = networks()
    y = torch.randn(2, 6)
    first, second = descend(whole.generator, whole.sensing, y, 1, 0.1)
    assert torch.equal(first, y)
    z = y.clone().requires_grad_(True)
    loss = (whole.sensing(whole.generator(z)) - y).square().sum()
    (slope,) = torch.autograd.grad(loss, z)
    torch.testing.assert_close(second, y - 0.1 * slope)
    assert not second.requires_grad


def test_psnr_is_known_after_every_number_of_steps() -> None:
    whole = networks()
    whole.start_at(fit_principal_components(images(), 6))
    x = torch.from_numpy(images())
    found = recovery_psnr(whole, x, 2, [0.1, 0.2])
    assert found.keys() == {0.1, 0.2}
    with torch.no_grad():
        start = psnr(whole.generator(whole.sensing(x)), x).mean()
    assert found[0.1][0] == found[0.2][0] == pytest.approx(float(start), rel=1e-5)
    # z = y is where the principal components measure just y: no step moves it.
    assert found[0.1] == pytest.approx([float(start)] * 3, rel=1e-4)
