"""The networks that a prior's configuration names."""

import torch
from torch import Tensor, nn

from bitprior_train.config import QuantiserConfig
from bitprior_train.dcgan import DCGANGenerator
from bitprior_train.priors.began import BEGANCritic, BEGANGenerator
from bitprior_train.priors.config import PriorModelConfig
from bitprior_train.priors.critic import DCGANCritic
from bitprior_train.priors.layers import make_layers
from bitprior_train.priors.vae import VAEDecoder, VAEEncoder
from bitprior_train.surgery.cuts import CutGenerator, cut

_DEVIATION = 0.02  # of a DCGAN's first weights
Geometry = tuple[int, int, int]


def make_prior(
    model: PriorModelConfig, geometry: Geometry, quantiser: QuantiserConfig
) -> nn.Module:
    """Return the generator, latents -> images [B, 3, H, W], less its first ``model.cut`` blocks.

    Raises:
        UsageError: It makes no images of that size, or has not so many blocks.
    """
    if model.kind == "dcgan":
        layers = make_layers(quantiser)
        whole: nn.Module = DCGANGenerator(
            model.latent, model.filters, geometry, layers.conv_transpose
        )
    else:
        build = BEGANGenerator if model.kind == "began" else VAEDecoder
        whole = build(model.latent, model.filters, geometry[1], quantiser)
    return cut(whole, model.kind, model.cut).without_head() if model.cut else whole


def latent_size(model: PriorModelConfig, generator: nn.Module) -> int:
    """Return the length of a generator's latents: k, or k_c of one that was cut from the start."""
    return generator.variables if isinstance(generator, CutGenerator) else model.latent


def make_judge(model: PriorModelConfig, geometry: Geometry) -> nn.Module:
    """Return what a float generator is trained with: a critic, or the VAE's encoder.

    Raises:
        UsageError: It takes no images of that size.
    """
    if model.kind == "dcgan":
        return DCGANCritic(model.critic_filters)
    build = BEGANCritic if model.kind == "began" else VAEEncoder
    return build(model.latent, model.critic_filters, geometry[1])


def draw_weights(network: nn.Module, kind: str, random: torch.Generator) -> None:
    """Draw a DCGAN's weights N(0, 0.02^2), batch norms around 1; leave others as torch has them."""
    if kind != "dcgan":
        return
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                module.weight.normal_(0.0, _DEVIATION, generator=random)
            elif isinstance(module, nn.BatchNorm2d):
                module.weight.normal_(1.0, _DEVIATION, generator=random)


def draw_latents(kind: str, count: int, size: int, random: torch.Generator) -> Tensor:
    """Draw latents [count, size] as in training: U(-1, 1) for BEGAN, else N(0, 1)."""
    if kind == "began":
        return torch.rand(count, size, generator=random) * 2 - 1
    return torch.randn(count, size, generator=random)
