"""Quality during training: PSNR, and what is recovered after how many steps."""

import pytest
import torch

from bitprior_train.generators import MLPGenerator
from bitprior_train.reference import proximal, unit_normal
from bitprior_train.sensing import MLPSensing
from bitprior_train.validation import psnr, recovery_psnr


def test_psnr_is_that_of_each_image_with_peak_one() -> None:
    x = torch.full((2, 1, 2, 2), 0.5)
    x_hat = x + torch.tensor([0.1, -0.01]).reshape(2, 1, 1, 1)
    assert psnr(x, x_hat).tolist() == pytest.approx([20.0, 40.0], abs=1e-4)


def test_psnr_sees_images_clipped_to_their_range() -> None:
    x = torch.ones(1, 1, 2, 2)
    assert psnr(x, torch.full_like(x, 7.0)).item() == float("inf")


def test_recovery_is_measured_after_each_number_of_steps() -> None:
    torch.manual_seed(0)
    generator, sensing = MLPGenerator(6, (8,), (1, 3, 4)), MLPSensing((1, 3, 4), (8,), 5)
    x, z0 = torch.rand(4, 1, 3, 4), unit_normal(4, 6, torch.Generator().manual_seed(1))
    found = recovery_psnr(generator, sensing, x, z0, beta=0.2, s=4, steps=(7, 2))
    assert found.keys() == {7, 2}
    for steps, value in found.items():
        latents, _ = proximal(
            generator, sensing, sensing(x).detach(), z0, beta=0.2, s=4, steps=steps
        )
        assert value == pytest.approx(psnr(x, generator(latents[-1])).mean().item(), rel=1e-5)
