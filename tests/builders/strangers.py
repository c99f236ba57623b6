"""Generators that nobody here wrote: torch modules after public descriptions, kept tiny.

Each is exported by torch.onnx.export as its users would, without qonnx's cleanup.
"""

import warnings
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

LATENT = 8


class ResBlockUp(nn.Module):
    """BatchNorm, ReLU, nearest upsampling, 3x3 convolutions and a 1x1 shortcut (WGAN-GP, SNGAN)."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(channels_in), nn.BatchNorm2d(channels_out)
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1)
        self.shortcut = nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = functional.interpolate(functional.relu(self.norm1(x)), scale_factor=2, mode="nearest")
        h = self.conv2(functional.relu(self.norm2(self.conv1(h))))
        return h + self.shortcut(functional.interpolate(x, scale_factor=2, mode="nearest"))


class ResNetGenerator(nn.Module):
    """z [B,8,1,1] -> x [B,3,16,16] in [-1,1]: the ResNet generator of GAN papers since 2017."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(LATENT, 12 * 4 * 4)
        self.blocks = nn.Sequential(ResBlockUp(12, 8), ResBlockUp(8, 6))
        self.norm = nn.BatchNorm2d(6)
        self.to_rgb = nn.Conv2d(6, 3, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        h = self.project(z.squeeze(3).squeeze(2)).view(z.size(0), -1, 4, 4)
        return torch.tanh(self.to_rgb(functional.relu(self.norm(self.blocks(h)))))


class VaeDecoder(nn.Module):
    """z [B,8] -> x [B,1,16,16] in [0,1]: a convolutional decoder with bilinear resizing."""

    def __init__(self) -> None:
        super().__init__()
        self.expand = nn.Sequential(nn.Linear(LATENT, 64), nn.ELU(), nn.Linear(64, 8 * 4 * 4))
        self.conv1 = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ELU(), nn.Dropout(0.1))
        self.norm = nn.GroupNorm(2, 8)
        self.conv2 = nn.Conv2d(8, 6, 5, padding="same")
        self.act = nn.PReLU(6)
        self.out = nn.Conv2d(6, 1, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        h = self.expand(z).unflatten(1, (8, 4, 4))
        h = functional.interpolate(self.conv1(h), size=(8, 8), mode="bilinear", align_corners=False)
        h = self.act(self.conv2(self.norm(h)))
        h = functional.interpolate(h, scale_factor=2, mode="bilinear", align_corners=False)
        return torch.sigmoid(self.out(h))


class PixelShuffler(nn.Module):
    """z [B,8] -> x [B,3,16,16] in [0,1]: low resolution, then sub-pixel convolutions (ESPCN)."""

    def __init__(self) -> None:
        super().__init__()
        self.low = nn.Linear(LATENT, 8 * 4 * 4)
        self.body = nn.Conv2d(8, 16, 3)
        self.up1 = nn.Sequential(nn.Conv2d(16, 32, 3, padding=1), nn.PixelShuffle(2))
        self.up2 = nn.Sequential(nn.Conv2d(8, 12, 3, padding=1), nn.PixelShuffle(2))

    def forward(self, z: Tensor) -> Tensor:
        h = self.low(z).reshape(-1, 8, 4, 4)
        h = functional.leaky_relu(self.body(functional.pad(h, (1, 1, 1, 1), mode="reflect")), 0.1)
        left, right = torch.split(self.up1(h), 4, dim=1)
        h = functional.softplus(torch.cat([left, -right], dim=1))
        return self.up2(h).mul(0.5).add(0.5).clamp(0, 1)


Name = Literal["resnet", "vae", "shuffler"]
GENERATORS: dict[Name, type[nn.Module]] = {
    "resnet": ResNetGenerator,
    "vae": VaeDecoder,
    "shuffler": PixelShuffler,
}
RANGES: dict[Name, str] = {"resnet": "-1,1", "vae": "0,1", "shuffler": "0,1"}


def make_stranger(name: Name, seed: int = 0) -> nn.Module:
    """Return a generator in eval mode whose batch norms have statistics of their own."""
    torch.manual_seed(seed)
    module = GENERATORS[name]()
    random = torch.Generator().manual_seed(seed)
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.weight.data.uniform_(0.6, 1.4, generator=random)
            layer.bias.data.normal_(0.2, 0.2, generator=random)
            layer.running_mean.normal_(0.0, 0.1, generator=random)
            layer.running_var.uniform_(0.1, 0.4, generator=random)
        if isinstance(layer, nn.Linear):
            layer.weight.data.mul_(2.0)
    return module.eval()


def latents(name: Name, rows: int = 2, seed: int = 3) -> Tensor:
    """Return N(0, I) latents in the shape the generator takes."""
    z = torch.randn((rows, LATENT), generator=torch.Generator().manual_seed(seed))
    return z[:, :, None, None] if name == "resnet" else z


def export_stranger(name: Name, path: Path, dynamo: bool = False, free: bool = True) -> nn.Module:
    """Write a generator's ONNX file as torch makes it, and return the module.

    Args:
        name: Which.
        path: The file.
        dynamo: By torch's newer exporter.
        free: With a free batch axis; else fixed to the example's single row.
    """
    module = make_stranger(name)
    if dynamo:
        dynamic = ({0: torch.export.Dim("batch")},) if free else None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of parts of torch that torch itself uses
            torch.onnx.export(
                module,
                (latents(name),),
                path,
                dynamo=True,
                external_data=False,
                dynamic_shapes=dynamic,
                verbose=False,
            )
    else:
        save_onnx(module, latents(name, rows=2 if free else 1), path)
    return module


def save_onnx(module: nn.Module, example: Tensor, path: Path) -> None:
    """Write a module as ONNX by TorchScript, input ``z``, output ``image``.

    The batch axis is free, unless the example has one row.
    """
    axes = {"z": {0: "batch"}, "image": {0: "batch"}} if len(example) > 1 else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is deprecated
        torch.onnx.export(
            module,
            (example,),
            path,
            dynamo=False,
            opset_version=17,
            input_names=["z"],
            output_names=["image"],
            dynamic_axes=axes,
        )
