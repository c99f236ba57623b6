"""The networks that a configuration names."""

import torch
from torch import nn

from bitprior_train.config import ModelConfig, QuantiserConfig
from bitprior_train.conv_sensing import ConvSensing
from bitprior_train.dcgan import DCGANGenerator
from bitprior_train.fixed_sensing import FixedSensing
from bitprior_train.generators import MLPGenerator
from bitprior_train.quantisers import conv_transpose_factory, linear_factory
from bitprior_train.sensing import MLPSensing

Geometry = tuple[int, int, int]
FLOAT = QuantiserConfig(bits=32)


def make_generator(
    model: ModelConfig, geometry: Geometry, quantiser: QuantiserConfig = FLOAT
) -> nn.Module:
    """Return a generator of images (C, H, W); without a quantiser, of torch's own layers.

    Raises:
        UsageError: It makes no images of that size.
    """
    if model.generator == "dcgan":
        layer = conv_transpose_factory(quantiser)
        return DCGANGenerator(model.latent, model.filters, geometry, layer)
    return MLPGenerator(model.latent, model.hidden, geometry, linear_factory(quantiser))


def make_sensing(model: ModelConfig, geometry: Geometry) -> nn.Module:
    """Return a sensing network of plain layers, or a fixed matrix.

    Raises:
        UsageError: It takes no images of that size.
    """
    if model.fixed_sensing:
        return FixedSensing(geometry, model)
    if model.sensing == "conv":
        return ConvSensing(geometry, model.sensing_width, model.measurements)
    return MLPSensing(geometry, model.sensing_hidden, model.measurements)


def twin(network: nn.Module) -> nn.Module:
    """Return a network without weights of its own, to be called functionally; in eval mode."""
    return network.to(torch.device("meta")).eval()
