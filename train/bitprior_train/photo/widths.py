"""How many bits the weights of a photo prior have, in a line."""

from dataclasses import dataclass

from torch import nn

from bitprior_train.photo.config import PhotoModelConfig
from bitprior_train.photo.networks import PhotoNetworks


@dataclass(frozen=True)
class Widths:
    """Weights of all convolutions of a prior by bit width.

    Attributes:
        counts: Number of weights by bit width.
        model: What the widths are for.
    """

    counts: dict[int, int]
    model: PhotoModelConfig

    @property
    def mean(self) -> float:
        """Mean bits per weight."""
        return sum(b * n for b, n in self.counts.items()) / sum(self.counts.values())

    @property
    def line(self) -> str:
        """E.g. ``1-bit, edges 4-bit, D 8-bit, mean 1.3 bits``."""
        model = self.model
        parts = [f"{model.bits}-bit"]
        if model.edge_bits != model.bits:
            parts.append(f"edges {model.edge_bits}-bit")
        if model.linear_bits != model.bits:
            parts.append(f"D {model.linear_bits}-bit")
        return ", ".join([*parts, f"mean {self.mean:.1f} bits"]) if len(parts) > 1 else parts[0]


def widths_of(networks: PhotoNetworks) -> Widths:
    """Count the weights of a prior's convolutions, biases left out."""
    model, counts = networks.model, dict[int, int]()
    widths: dict[nn.Conv2d, int] = {
        networks.generator.hidden: model.bits,
        networks.penalty: model.bits,
        networks.start.second: model.bits,
        networks.generator.residual: model.edge_bits,
        networks.start.first: model.edge_bits,
        networks.generator.linear: model.linear_bits,
        networks.start.skip: model.linear_bits,
    }
    for layer, bits in widths.items():
        counts[bits] = counts.get(bits, 0) + layer.weight.numel()
    return Widths(counts, model)
