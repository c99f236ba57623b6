"""A wider prior begins as the same search."""

import numpy as np
import pytest
import torch

from bitprior_runtime.errors import UsageError
from bitprior_runtime.sensing.covariance import Covariance
from bitprior_train.photo.networks import PhotoNetworks
from bitprior_train.photo.problem import make_problem
from bitprior_train.photo.rows import gaussian
from bitprior_train.photo.search import Search
from bitprior_train.photo.widening import copies, widened
from builders.photo_runs import STEPS, photo_config, random_networks


def image_of(networks: PhotoNetworks) -> torch.Tensor:
    lags = np.hypot(*np.indices((20, 20)))
    covariance = Covariance(0.45, (0.05 * np.exp(-lags / 8)).astype(np.float32))
    problem = make_problem(gaussian(np.random.default_rng(0), 8, 20), 8, (16, 16), 0.0, covariance)
    truth = torch.rand(2, 1, 16, 16, generator=torch.manual_seed(0))
    with torch.no_grad():
        return Search(networks, torch.float32).run(problem, problem.measure(truth), STEPS).image


@pytest.mark.parametrize("channels", [6, 7, 11, 12, 20])
@pytest.mark.parametrize("equalise", [True, False])
@pytest.mark.parametrize("smaller", [0.5, 1.0])
def test_a_widened_search_finds_the_same_images(
    channels: int, equalise: bool, smaller: float
) -> None:
    narrow = random_networks(photo_config(32))
    wide = PhotoNetworks(photo_config(32, channels).model, 0.45)
    wide.load_state_dict(widened(narrow.state_dict(), channels, smaller, 0.0, 0, equalise))
    torch.testing.assert_close(image_of(wide), image_of(narrow), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("channels", [12, 18])
def test_dither_moves_copied_rows_apart_around_their_mean(channels: int) -> None:
    state = random_networks(photo_config(32)).state_dict()
    plain, moved = (
        widened(state, channels, 1.0, dither, 0, equalise=False)["penalty.weight"]
        for dither in (0.0, 0.5)
    )
    plain, moved = (w.reshape(channels // 6, 6, -1) for w in (plain, moved))
    assert torch.equal(plain[0], plain[1])
    assert (moved[0] - moved[1]).abs().max() > 0.1 * plain.abs().mean()
    torch.testing.assert_close(moved.mean(dim=0), plain.mean(dim=0))


def test_the_most_important_maps_are_copied_and_shares_make_the_map_again() -> None:
    importance = torch.tensor([1.0, 5.0, 2.0, 4.0])
    made = copies(6, importance, torch.tensor([1.0, 2.0, 3.0, 4.0]), 0.5)
    assert made.source.tolist() == [0, 1, 2, 3, 1, 3]
    assert made.count.tolist() == [1, 2, 1, 2, 2, 2]
    again = torch.zeros(4).index_add(0, made.source, made.size * made.share)
    torch.testing.assert_close(again, torch.ones(4))
    assert made.size[4] == made.size[1] / 2


def test_equal_columns_after_equalisation() -> None:
    state = random_networks(photo_config(32)).state_dict()
    state["generator.residual.weight"][:, 2] *= 10
    made = widened(state, 6, 0.5, 0.0, 0)
    means = made["generator.residual.weight"].abs().mean(dim=(0, 2, 3))
    torch.testing.assert_close(means, means.mean().expand(6))


def test_a_narrower_prior_is_refused() -> None:
    state = random_networks(photo_config(32)).state_dict()
    with pytest.raises(UsageError, match=r"at least 6.*found 5"):
        widened(state, 5, 0.5, 0.0, 0)
