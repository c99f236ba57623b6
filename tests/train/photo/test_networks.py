"""The networks of a photo prior, their hand-written adjoints and their quantised weights."""

import numpy as np
import pytest
import torch

from bitprior_runtime.sensing.covariance import Covariance
from bitprior_train.photo.leaves import dead_leaves
from bitprior_train.photo.networks import PhotoNetworks
from bitprior_train.photo.optimiser import PhotoOptimiser
from bitprior_train.photo.problem import Problem, make_problem
from bitprior_train.photo.rows import gaussian
from bitprior_train.photo.search import Search, squared_errors
from bitprior_train.photo.widths import widths_of
from builders.photo_runs import CHANNELS, STEPS, photo_config, random_networks


def a_covariance() -> Covariance:
    lags = np.hypot(*np.indices((20, 20)))
    return Covariance(0.45, (0.05 * np.exp(-lags / 8)).astype(np.float32))


def a_problem(frame: tuple[int, int] = (14, 11), noise: float = 0.0) -> Problem:
    matrix = gaussian(np.random.default_rng(0), 8, 20)
    return make_problem(matrix, 8, frame, noise, a_covariance())


def a_latent(networks: PhotoNetworks) -> torch.Tensor:
    return torch.randn(2, networks.model.channels, 7, 6, generator=torch.manual_seed(1))


def test_a_search_ends_with_an_image_of_the_canvas_and_measures_only_the_frame() -> None:
    networks, problem = random_networks(photo_config(32)), a_problem()
    truth = torch.rand(3, 1, 14, 12, generator=torch.manual_seed(0))
    other = truth.clone()
    other[..., 11:] = 7.0  # beyond the frame
    y = problem.measure(truth)
    assert y.shape == (3, 2 * 2, 20)
    assert torch.equal(y, problem.measure(other))
    with torch.no_grad():
        found = Search(networks, torch.float32).run(problem, y, STEPS, between=1)
    assert found.image.shape == found.start.shape == truth.shape
    assert found.between is not None
    assert not torch.equal(found.between, found.image)
    assert torch.equal(
        squared_errors(problem, found.image, truth), squared_errors(problem, found.image, other)
    )


@pytest.mark.parametrize("bits", [32, 4, 1])
def test_pull_is_the_vector_jacobian_product_of_draw(bits: int) -> None:
    networks = random_networks(photo_config(bits))
    search, z = Search(networks, torch.float32), a_latent(networks)
    cotangent = torch.randn(2, 1, 14, 12, generator=torch.manual_seed(2))
    z.requires_grad_()
    image, above = search.draw(z)
    (expected,) = torch.autograd.grad(image, z, cotangent)
    found = search.pull(cotangent, above)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_shrink_is_the_gradient_of_a_sum_of_squares_above_the_threshold() -> None:
    networks, problem = random_networks(photo_config(32)), a_problem(noise=0.1)
    search, z, s = Search(networks, torch.float32), a_latent(networks), networks.schedule
    z.requires_grad_()
    slope, threshold = s.slope[1] @ problem.features, s.threshold[1] @ problem.features
    maps = torch.nn.functional.conv2d(z, networks.penalty.weight, padding=1)
    above = torch.relu(maps + threshold[None, :, None, None])
    energy = 0.5 * (slope[None, :, None, None] * above**2).sum()
    (gradient,) = torch.autograd.grad(energy, z)
    step = s.shrinkage[1] * (s.strength[1] @ problem.features)
    expected = step[None, :, None, None] * gradient
    found = search.shrink(z.detach(), problem.features, 1)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("bits", [4, 3, 2, 1])
def test_every_weight_lies_on_as_many_levels_as_its_bits_have(bits: int) -> None:
    networks = random_networks(photo_config(bits))
    weights, inner = networks.weights(), {"hidden", "penalty", "second"}
    for name, value in vars(weights).items():
        if name.endswith("bias"):
            continue
        width = bits if name in inner else 8 if name in ("linear", "skip") else 4
        for row in value.detach().flatten(1):
            assert len(row.unique()) <= 2**width, name
    assert weights.hidden.abs().min() > 0 or bits > 2  # 1 and 2 bits have no zero


def test_gradients_reach_every_parameter_through_the_quantisers() -> None:
    networks, problem = random_networks(photo_config(2)), a_problem((16, 16), 0.05)
    truth = torch.rand(2, 1, 16, 16, generator=torch.manual_seed(0))
    found = Search(networks, torch.float32).run(problem, problem.measure(truth), STEPS)
    squared_errors(problem, found.image, truth).sum().backward()
    for name, parameter in networks.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("bits", [32, 4, 1])
def test_a_few_steps_lower_the_error_of_drawn_photos(bits: int) -> None:
    config = photo_config(bits, channels=16, lr=5e-3, adam_lr=5e-3)
    torch.manual_seed(0)
    networks, problem = PhotoNetworks(config.model, 0.45), a_problem((64, 64))
    networks.weights()
    optimiser = PhotoOptimiser(config.optimiser, dict(networks.named_parameters()))
    truth = torch.from_numpy(dead_leaves(4, 64, 5)[:, None].astype(np.float32) / 255)
    y, losses = problem.measure(truth), []
    for _ in range(25):
        found = Search(networks, torch.float32).run(problem, y, STEPS)
        loss = torch.log(squared_errors(problem, found.image, truth)).mean()
        loss.backward()
        optimiser.step(0.0)
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] - 0.05, losses


def test_a_new_prior_begins_with_the_linear_estimate() -> None:
    networks, problem = PhotoNetworks(photo_config(32).model, 0.45), a_problem((16, 16))
    for layer in (networks.generator.residual, networks.start.second):
        torch.nn.init.zeros_(layer.weight)
    truth = torch.rand(1, 1, 16, 16, generator=torch.manual_seed(0))
    y = problem.measure(truth)
    with torch.no_grad():
        found = Search(networks, torch.float32).run(problem, y, 1)
    centred = y - problem.measure(torch.full_like(truth, 0.45))
    torch.testing.assert_close(found.start, problem.back(problem.gain, centred) + 0.45)


def test_widths_count_every_weight_once() -> None:
    widths = widths_of(random_networks(photo_config(1)))
    inner, linear = 3 * 9 * CHANNELS**2, 4 * CHANNELS + 8 * CHANNELS
    edge = 4 * 9 * CHANNELS + 2 * 36 * CHANNELS
    assert widths.counts == {1: inner, 4: edge, 8: linear}
    mean = (inner + 4 * edge + 8 * linear) / (inner + edge + linear)
    assert widths.line == f"1-bit, edges 4-bit, D 8-bit, mean {mean:.1f} bits"
    assert widths_of(random_networks(photo_config(32))).line == "32-bit"
