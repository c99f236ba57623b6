"""Fixed random matrices as sensing, with or without the signs of what they measure."""

from math import prod

import torch
from torch import Tensor, nn

from bitprior_export.matrices import gaussian_matrix, rademacher_signs
from bitprior_train.config import ModelConfig


class FixedSensing(nn.Module):
    """y = W x of images in [0, 1], or |W x|, or |W x|^2; nothing of it is trained.

    In [0, 1] an image and its negative are not both images: phase retrieval loses no sign.

    Args:
        geometry: (C, H, W) of the image.
        model: Kind of matrix, m, seed and phase.

    Attributes:
        matrix: W, [m, n].
    """

    matrix: Tensor

    def __init__(self, geometry: tuple[int, int, int], model: ModelConfig) -> None:
        super().__init__()
        m, n, seed = model.measurements, prod(geometry), model.sensing_seed
        if model.sensing == "gaussian":
            matrix = gaussian_matrix(m, n, seed)
        else:
            signs, scale = rademacher_signs(m, n, seed)
            matrix = signs * scale
        self.register_buffer("matrix", torch.from_numpy(matrix))
        self._phase = model.phase

    def forward(self, x: Tensor) -> Tensor:
        """Return measurements [B, m] of images x [B, C, H, W] in [0, 1]."""
        y = x.flatten(1) @ self.matrix.T
        if self._phase == "amplitude":
            return y.abs()
        return y * y if self._phase == "squared" else y


def operator_name(model: ModelConfig) -> str:
    """Return the sensing as ``bitprior export --sensing`` names it."""
    seed = f"seed={model.sensing_seed}"
    if model.phase == "none":
        return f"{model.sensing}:m={model.measurements},{seed}"
    return f"phase:m={model.measurements},kind={model.sensing},loss={model.phase},{seed}"
