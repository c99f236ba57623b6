"""Deep Decoder: the paper's sizes, a network for each image, and that it fits."""

import numpy as np
import pytest
import torch
from torch import nn

from bitprior_runtime.errors import UsageError
from bitprior_train.surgery.baselines.decoder_networks import DecoderNetworks
from bitprior_train.surgery.baselines.deep_decoder import DeepDecoder
from bitprior_train.surgery.operators import Gaussian, Geometry, Identity
from bitprior_train.surgery.problem import Problem, measure

SMALL: Geometry = (3, 16, 16)


@pytest.mark.parametrize(("side", "weights"), [(64, 8407), (128, 41210)])
def test_the_paper_s_networks_have_their_weights(side: int, weights: int) -> None:
    geometry = (3, side, side)
    problem = Problem(Gaussian(geometry, 2), torch.zeros(1, 2))
    method = DeepDecoder(steps=0)
    found = method.recover(problem, seed=0, restarts=1)
    assert found.variables == weights
    assert found.images.shape == (1, *geometry)
    assert method.settings["channels"] == {64: 44, 128: 89}[side]


def _draws(count: int) -> list[np.random.Generator]:
    return [np.random.default_rng(row) for row in range(count)]


def test_each_network_equals_one_of_torch_s_own_layers_in_training_mode() -> None:
    networks = DecoderNetworks(SMALL, 5, _draws(2))
    with torch.no_grad():
        for weight in networks.weights:
            weight.add_(0.1 * torch.randn_like(weight))
        images = networks()
        for row in range(2):
            layers: list[nn.Module] = []
            for convolution, norm in zip(networks._convolutions, networks._norms, strict=True):
                layers += [nn.Conv2d(5, 5, 1), nn.BatchNorm2d(5)]
                for own, all_rows in zip(layers[-2].parameters(), convolution.weights, strict=True):
                    own.copy_(all_rows[row].reshape(own.shape))
                for own, all_rows in zip(layers[-1].parameters(), norm.weights, strict=True):
                    own.copy_(all_rows.reshape(2, 5)[row])
                up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
                layers += [up, nn.ReLU()]
            last = nn.Conv2d(5, 3, 1)
            for own, all_rows in zip(last.parameters(), networks._last.weights, strict=True):
                own.copy_(all_rows[row].reshape(own.shape))
            alone = nn.Sequential(*layers, last, nn.Sigmoid()).train()
            assert torch.allclose(alone(networks._input[row : row + 1])[0], images[row], atol=1e-5)


def test_it_fits_a_smooth_image_and_the_best_restart_wins() -> None:
    ramp = torch.linspace(0.2, 0.8, 16)
    truth = torch.stack([ramp[:, None].expand(3, 16, 16), ramp.expand(3, 16, 16)])
    problem = measure(Identity(SMALL), truth, seed=0, noise=0.0)
    method = DeepDecoder(channels=8, steps=100)
    one, two = (method.recover(problem, seed=0, restarts=count) for count in (1, 2))
    assert one.losses.max() < 5e-3
    assert (two.losses <= one.losses).all()
    assert torch.equal(one.images, method.recover(problem, seed=0, restarts=1).images)
    assert not torch.equal(one.images, method.recover(problem, seed=1, restarts=1).images)


def test_an_image_is_fitted_alike_alone_and_among_others() -> None:
    problem = measure(Gaussian(SMALL, 50), torch.rand(2, *SMALL), seed=0)
    method = DeepDecoder(channels=4, steps=10)
    both = method.recover(problem, seed=0, restarts=1)
    alone = method.recover(Problem(problem.operator, problem.y[:1]), seed=0, restarts=1)
    assert torch.allclose(both.images[:1], alone.images, atol=1e-4)


@pytest.mark.parametrize("geometry", [(3, 16, 32), (3, 4, 4), (3, 24, 24), (1, 28, 28)])
def test_images_that_doublings_do_not_reach_are_refused(geometry: Geometry) -> None:
    problem = Problem(Gaussian(geometry, 2), torch.zeros(1, 2))
    with pytest.raises(UsageError, match="side of 8, 16"):
        DeepDecoder(channels=4).recover(problem, seed=0, restarts=1)


def test_other_sizes_need_a_number_of_channels() -> None:
    problem = Problem(Gaussian(SMALL, 2), torch.zeros(1, 2))
    with pytest.raises(UsageError, match="set channels"):
        DeepDecoder(steps=0).recover(problem, seed=0, restarts=1)


def test_the_settings_are_the_paper_s() -> None:
    assert DeepDecoder().settings == {"steps": 5000, "lr": 1e-2}
    assert DeepDecoder(channels=7).settings["channels"] == 7
