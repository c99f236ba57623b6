"""IAGAN and mGANprior: nothing leaks between images, and the numbers of Table 1."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bitprior_runtime.errors import UsageError
from bitprior_train.config import QuantiserConfig
from bitprior_train.priors.config import Kind, PriorModelConfig
from bitprior_train.priors.networks import make_prior
from bitprior_train.surgery.baselines.decoder_networks import DecoderNetworks
from bitprior_train.surgery.baselines.iagan import IAGAN
from bitprior_train.surgery.baselines.mganprior import MGANPrior
from bitprior_train.surgery.baselines.of_prior import iagan, mganprior
from bitprior_train.surgery.cuts import cut
from bitprior_train.surgery.operators import Gaussian
from bitprior_train.surgery.problem import Problem, measure
from builders.priors import GEOMETRY, KINDS, LATENT, tiny_generator

OPERATOR = Gaussian(GEOMETRY, 40)
SHORT = {"iagan": {"latent_steps": 4, "joint_steps": 3}, "mganprior": {"steps": 4}}
CUTS: dict[Kind, int] = {"dcgan": 1, "began": 2, "vae": 1}


def _generator(kind: Kind) -> nn.Module:
    return tiny_generator(kind).requires_grad_(False)


def _iagan(generator: nn.Module, kind: Kind, **options: Any) -> IAGAN:
    return iagan(cut(generator, kind, 0), kind, **options)


def _mganprior(generator: nn.Module, kind: Kind, c: int | None = None, **options: Any) -> MGANPrior:
    rest = cut(generator, kind, CUTS[kind] if c is None else c)
    return mganprior(cut(generator, kind, 0), rest, kind, **options)


MAKERS = {"iagan": _iagan, "mganprior": _mganprior}


def _images(count: int) -> torch.Tensor:
    return torch.rand(count, *GEOMETRY, generator=torch.Generator().manual_seed(3))


def _weights(generator: nn.Module) -> list[torch.Tensor]:
    return [tensor.clone() for tensor in generator.state_dict().values()]


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("kind", KINDS)
def test_restarts_help_and_the_same_seed_gives_the_same_images(kind: Kind, name: str) -> None:
    generator, problem = _generator(kind), measure(OPERATOR, _images(2), seed=0)
    before = _weights(generator)
    method = MAKERS[name](generator, kind, **SHORT[name])
    one = method.recover(problem, seed=0, restarts=1)
    two = method.recover(problem, seed=0, restarts=2)
    assert one.images.shape == (2, *GEOMETRY)
    assert one.images.min() >= 0
    assert one.images.max() <= 1
    assert (two.losses <= one.losses).all()
    assert torch.equal(one.images, method.recover(problem, seed=0, restarts=1).images)
    assert not torch.equal(one.images, method.recover(problem, seed=1, restarts=1).images)
    assert all(map(torch.equal, before, _weights(generator)))


@pytest.mark.parametrize("name", MAKERS)
def test_what_is_learned_of_one_image_does_not_reach_the_next(name: str) -> None:
    first, other, second = _images(3)
    y = measure(OPERATOR, torch.stack([first, second]), seed=0).y
    y_other = measure(OPERATOR, torch.stack([other, second]), seed=0).y
    method = MAKERS[name](_generator("dcgan"), "dcgan", **SHORT[name])
    after_one = method.recover(Problem(OPERATOR, y), seed=0, restarts=1).images
    after_other = method.recover(Problem(OPERATOR, y_other), seed=0, restarts=1).images
    alone = method.recover(Problem(OPERATOR, y[:1]), seed=0, restarts=1).images
    assert torch.equal(after_one[1], after_other[1])
    assert torch.allclose(after_one[:1], alone, atol=1e-5)


def test_adapted_weights_lower_the_loss_that_the_latent_alone_left() -> None:
    generator, problem = _generator("dcgan"), measure(OPERATOR, _images(2), seed=0)
    latent_only = _iagan(generator, "dcgan", latent_steps=20, joint_steps=0)
    jointly = _iagan(generator, "dcgan", latent_steps=20, joint_steps=30, weight_lr=1e-2)
    before = latent_only.recover(problem, seed=0, restarts=1)
    after = jointly.recover(problem, seed=0, restarts=1)
    assert (after.losses < 0.9 * before.losses).all()


def test_one_latent_of_weight_one_shows_what_the_whole_generator_shows() -> None:
    for kind in KINDS:
        generator = _generator(kind)
        method = _mganprior(generator, kind, codes=1)
        z = torch.randn(2, LATENT)
        rest = cut(generator, kind, CUTS[kind])
        channels, *_ = rest.parts[0]
        features = torch.Size(rest.parts[0]).numel()
        skip = rest.head(z)[:, features:]
        variables = torch.cat([z, torch.ones(2, channels), skip], dim=1)
        assert variables.shape[1] == method.variables
        shown = method._images(variables)
        assert torch.allclose(shown, generator(z), atol=1e-5)


def test_features_of_all_latents_are_weighted_by_channel_and_summed() -> None:
    generator = _generator("dcgan")
    method, rest = _mganprior(generator, "dcgan", codes=3), cut(generator, "dcgan", 1)
    channels, height, width = rest.parts[0]
    codes, alpha = torch.randn(2, 3, LATENT), torch.randn(2, 3, channels)
    summed = torch.zeros(2, channels, height, width)
    for n in range(3):
        features = rest.head(codes[:, n]).reshape(2, channels, height, width)
        summed += alpha[:, n, :, None, None] * features
    variables = torch.cat([codes.flatten(1), alpha.flatten(1)], dim=1)
    assert torch.allclose(method._images(variables), rest(summed.flatten(1)), atol=1e-5)


def test_an_uncut_generator_has_no_features_to_sum() -> None:
    with pytest.raises(UsageError, match="cut it"):
        _mganprior(_generator("dcgan"), "dcgan", c=0)


@pytest.mark.parametrize("name", MAKERS)
def test_the_settings_are_the_paper_s(name: str) -> None:
    settings = {kind: MAKERS[name](_generator(kind), kind).settings for kind in KINDS}
    if name == "iagan":
        both = {"joint_steps": 600, "latent_lr": 0.1, "joint_latent_lr": 1e-4, "weight_lr": 1e-4}
        steps = {"dcgan": 1600, "began": 1600, "vae": 1000}
        assert settings == {kind: {"latent_steps": steps[kind], **both} for kind in KINDS}
    else:
        assert settings == {
            "dcgan": {"cut": 1, "codes": 10, "lr": 3e-2, "steps": 5000},
            "began": {"cut": 2, "codes": 20, "lr": 1e-3, "steps": 3000},
            "vae": {"cut": 1, "codes": 20, "lr": 5e-3, "steps": 3000},
        }


def test_options_replace_the_paper_s_settings_and_unknown_ones_are_refused() -> None:
    assert _mganprior(_generator("vae"), "vae", steps=7).settings["steps"] == 7
    for make in MAKERS.values():
        with pytest.raises(TypeError):
            make(_generator("dcgan"), "dcgan", colour=1)


def test_the_ratios_of_table_1_hold_at_full_width() -> None:
    model = PriorModelConfig(kind="began", latent=64, filters=128, critic_filters=1)
    geometry = (3, 128, 128)
    generator = make_prior(model, geometry, QuantiserConfig()).eval().requires_grad_(False)
    pixels = 3 * 128 * 128
    surgery = cut(generator, "began", 2)
    decoder = DecoderNetworks(geometry, 89, [np.random.default_rng(0)])
    assert round(surgery.variables / pixels, 3) == 0.833
    assert round(decoder.variables / pixels, 3) == 0.838
    assert round(_iagan(generator, "began").variables / pixels, 1) == 43.7
    several = _mganprior(generator, "began")
    assert round(several.variables / pixels, 3) == 0.245
    # The paper prints 0.195: it counts a single alpha for all 20 latents.
    channels = 128
    assert round((several.variables - 19 * channels) / pixels, 3) == 0.195
