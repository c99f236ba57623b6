"""A narrow DCGAN-32 and its sensing network, with batch norms that look trained."""

from pathlib import Path

import torch
from torch import Tensor, nn

from bitprior_export.qonnx.document import open_onnx
from bitprior_export.qonnx.reader import Translation, translate
from bitprior_export.qonnx.writer import write_qonnx
from bitprior_train.architectures import make_generator, make_sensing
from bitprior_train.config import ModelConfig, QuantiserConfig
from bitprior_train.initialisation import initialise

GEOMETRY = (3, 32, 32)
MODEL = ModelConfig(
    generator="dcgan",
    sensing="conv",
    latent=8,
    filters=4,
    sensing_width=0.0625,
    measurements=7,
    sparsity=8,
)


def generator(
    bits: int, granularity: str = "channel", grid: str = "default", seed: int = 0
) -> nn.Module:
    """Return a DCGAN whose batch norms have statistics of their own, and factors of both signs."""
    quantiser = QuantiserConfig.model_validate(
        {"bits": bits, "granularity": granularity, "grid": grid}
    )
    made = make_generator(MODEL, GEOMETRY, quantiser)
    random = torch.Generator().manual_seed(seed)
    initialise(made, random)
    for layer in made.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.weight.data.normal_(1.0, 0.8, generator=random)
            layer.weight.data[0] = -layer.weight.data[0].abs()
            layer.bias.data.normal_(0.3, 0.2, generator=random)
            layer.running_mean.normal_(0.0, 0.1, generator=random)
            layer.running_var.uniform_(0.2, 0.6, generator=random)
    return made.eval()


def sensing(seed: int = 1) -> nn.Module:
    """Return a sensing network of seven convolutions and a linear layer."""
    made = make_sensing(MODEL, GEOMETRY)
    initialise(made, torch.Generator().manual_seed(seed))
    return made.eval()


def latents(rows: int = 4, seed: int = 2) -> Tensor:
    """Return N(0, I) latents [rows, 8]."""
    return torch.randn((rows, MODEL.latent), generator=torch.Generator().manual_seed(seed))


def images(rows: int = 4, seed: int = 3) -> Tensor:
    """Return uniform images [rows, 3, 32, 32]."""
    return torch.rand((rows, *GEOMETRY), generator=torch.Generator().manual_seed(seed))


def translated(module: nn.Module, path: Path, name: str) -> Translation:
    """Write a network as QONNX and read it back."""
    source, target = ("z", "x") if name == "generator" else ("x", "y")
    example = latents() if name == "generator" else images()
    write_qonnx(
        module, example, path, name=name, input_name=source, output_name=target, metadata={}
    )
    return translate(open_onnx(path), name, source, target)
