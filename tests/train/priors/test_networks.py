"""Shapes and parameter counts of the priors, at the size of the paper and narrow."""

import pytest
import torch
from torch import nn

from bitprior_runtime.errors import UsageError
from bitprior_train.config import QuantiserConfig
from bitprior_train.dcgan import DCGANGenerator
from bitprior_train.priors.began import BEGANCritic, BEGANGenerator
from bitprior_train.priors.config import PriorModelConfig
from bitprior_train.priors.networks import draw_latents, draw_weights, make_judge, make_prior
from bitprior_train.priors.vae import VAEDecoder, VAEEncoder

FLOAT = QuantiserConfig()


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_generators_have_the_parameters_of_the_paper() -> None:
    with torch.device("meta"):
        assert count(DCGANGenerator(100, 64, (3, 64, 64))) == 3_576_704
        assert count(BEGANGenerator(64, 128, 128)) == 2_149_760
        assert round(count(VAEDecoder(512, 128, 128)) / 1e6, 1) == 42.0


def test_optimised_variables_of_the_paper_are_these_shares_of_the_pixels() -> None:
    with torch.device("meta"):
        weights = count(BEGANGenerator(64, 128, 128))
    pixels = 3 * 128**2
    assert round((weights + 64) / pixels, 1) == 43.7  # IAGAN: all weights and z
    assert round((128 * 16**2 + 128 * 8**2) / pixels, 3) == 0.833  # cut 2, with its skip


def test_maps_of_the_vae_have_the_channels_of_the_paper() -> None:
    with torch.device("meta"):
        decoder, encoder = VAEDecoder(512, 128, 128), VAEEncoder(512, 128, 128)
    convolutions = [m for m in decoder.stages if isinstance(m, nn.Conv2d)]
    assert [c.out_channels for c in convolutions] == [1024, 512, 256, 128, 128]
    assert decoder.first == 2048
    inner = [m for m in encoder.convolutions if isinstance(m, nn.Conv2d)]
    assert [c.out_channels for c in inner] == [128, 256, 512, 1024, 2048]


def test_the_critic_of_began_has_the_channels_of_the_paper() -> None:
    with torch.device("meta"):
        critic = BEGANCritic(64, 128, 128)
    inner = [m for m in critic.encoder if isinstance(m, nn.Conv2d)]
    assert [c.out_channels for c in inner] == [128, 128, 256, 256, 384, 384, 512, 512, 640]
    assert [c.stride[0] for c in inner] == [1, 2, 1, 2, 1, 2, 1, 2, 1]


@pytest.mark.parametrize("kind", ["dcgan", "began", "vae"])
@pytest.mark.parametrize("bits", [1, 3, 32])
def test_priors_make_images_and_judges_take_them(kind: str, bits: int) -> None:
    model = PriorModelConfig(kind=kind, latent=5, filters=2, critic_filters=2)
    quantiser = QuantiserConfig(bits=bits)
    generator = make_prior(model, (3, 64, 64), quantiser)
    images = generator(torch.zeros(2, 5))
    assert images.shape == (2, 3, 64, 64)
    judged = make_judge(model, (3, 64, 64))(images.detach())
    shape = judged[0].shape if kind == "vae" else judged.shape
    assert shape == {"dcgan": (2,), "began": (2, 3, 64, 64), "vae": (2, 5)}[kind]


@pytest.mark.parametrize("kind", ["began", "vae"])
def test_images_of_128_pixels_have_one_doubling_more(kind: str) -> None:
    model = PriorModelConfig(kind=kind, latent=3, filters=1, critic_filters=1)
    assert make_prior(model, (3, 128, 128), FLOAT)(torch.zeros(2, 3)).shape == (2, 3, 128, 128)


@pytest.mark.parametrize("kind", ["began", "vae", "dcgan"])
def test_images_of_another_size_are_refused(kind: str) -> None:
    model = PriorModelConfig(kind=kind, latent=3, filters=1, critic_filters=1)
    with pytest.raises(UsageError, match="64 x 64"):
        make_prior(model, (3, 96, 96), FLOAT)


def test_the_first_map_of_began_reaches_every_later_doubling() -> None:
    torch.manual_seed(0)
    generator = BEGANGenerator(4, 3, 64)
    widths = [stage[0].in_channels for stage in generator.stages]
    assert widths == [3, 6, 6]
    z = torch.randn(2, 4)
    before = generator(z)
    with torch.no_grad():
        generator.stages[2][0].weight[:, 3:] = 0  # what the last doubling takes of the skip
    assert not torch.allclose(generator(z), before)


def test_latents_are_drawn_as_the_paper_trains() -> None:
    random = torch.Generator().manual_seed(0)
    uniform = draw_latents("began", 500, 8, random)
    assert uniform.abs().max() <= 1
    assert uniform.std() == pytest.approx(1 / 3**0.5, abs=0.02)
    assert draw_latents("vae", 500, 8, random).std() == pytest.approx(1, abs=0.05)


def test_only_a_dcgan_draws_its_weights_anew() -> None:
    random = torch.Generator().manual_seed(0)
    generator = DCGANGenerator(4, 2, (3, 64, 64))
    draw_weights(generator, "dcgan", random)
    assert generator.layers[3].weight.detach().std() == pytest.approx(0.02, abs=2e-3)
    decoder = VAEDecoder(4, 2, 64)
    before = decoder.map.weight.clone()
    draw_weights(decoder, "vae", random)
    assert torch.equal(decoder.map.weight, before)
