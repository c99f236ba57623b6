"""The networks of Deep Decoder, one for each image, as one computation."""

from math import sqrt

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import batch_norm, interpolate

from bitprior_runtime.errors import UsageError
from bitprior_train.surgery.operators import Geometry

_FIRST = 4  # side of the input; the paper's code has 2, an exponent taken for a side


class DecoderNetworks:
    """Several networks of the same shape, each with its own weights and fixed random input.

    1 x 1 convolution with bias, batch norm on the image's own statistics, bilinear up-sampling by
    2, ReLU, from k x 4 x 4 until the image's side is reached; then a 1 x 1 convolution and a
    sigmoid. Images of 64 x 64 have depth 5 (and with k = 44 8,407 weights), of 128 x 128 depth 6
    (with k = 89 41,210).

    Args:
        geometry: (C, H, W) of the images, see :func:`check_geometry`.
        channels: k.
        draws: Where each network draws its input, N(0, 1), and first weights, torch's own.

    Attributes:
        weights: All of all networks.
        variables: Weights of one network.
    """

    def __init__(self, geometry: Geometry, channels: int, draws: list[np.random.Generator]) -> None:
        shape = (channels, _FIRST, _FIRST)
        self._input = _stack([d.standard_normal(shape) for d in draws])
        depth = (geometry[1] // _FIRST).bit_length()
        self._convolutions = [_Convolution(draws, channels, channels) for _ in range(depth - 1)]
        self._norms = [_Norm(len(draws), channels) for _ in range(depth - 1)]
        self._last = _Convolution(draws, channels, geometry[0])
        layers: list[_Convolution | _Norm] = [*self._convolutions, *self._norms, self._last]
        self.weights = [tensor for layer in layers for tensor in layer.weights]
        self.variables = sum(tensor.numel() for tensor in self.weights) // len(draws)

    def __call__(self) -> Tensor:
        """Return an image of each network, [B, C, H, W] in (0, 1)."""
        x = self._input
        for convolution, norm in zip(self._convolutions, self._norms, strict=True):
            x = norm(convolution(x))
            x = interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=True).relu()
        return self._last(x).sigmoid()


def check_geometry(geometry: Geometry) -> None:
    """Refuse images that doublings of 4 x 4 do not reach.

    Raises:
        UsageError: They are not square, or their side is not 8, 16, 32 ...
    """
    _, height, width = geometry
    if height != width or height <= _FIRST or height & (height - 1):
        raise UsageError(
            "square images with a side of 8, 16, 32, 64 ... pixels for Deep Decoder",
            f"{height} x {width}",
            "leave this method out, or use another data set",
        )


class _Convolution:
    """1 x 1 convolutions with bias, one for each image: a product of matrices each."""

    def __init__(self, draws: list[np.random.Generator], inputs: int, outputs: int) -> None:
        bound = 1 / sqrt(inputs)
        kernels = _stack([d.uniform(-bound, bound, (outputs, inputs)) for d in draws])
        biases = _stack([d.uniform(-bound, bound, (outputs, 1)) for d in draws])
        self.weights = (kernels.requires_grad_(), biases.requires_grad_())

    def __call__(self, x: Tensor) -> Tensor:
        """Return [B, outputs, H, W] of x [B, inputs, H, W]."""
        kernels, biases = self.weights
        return torch.baddbmm(biases, kernels, x.flatten(2)).reshape(len(x), -1, *x.shape[2:])


class _Norm:
    """Batch norms, one for each image, in training mode."""

    def __init__(self, rows: int, channels: int) -> None:
        ones, zeros = torch.ones(rows * channels), torch.zeros(rows * channels)
        self.weights = (ones.requires_grad_(), zeros.requires_grad_())

    def __call__(self, x: Tensor) -> Tensor:
        """Return x [B, C, H, W], the mean and deviation of every map set to the weights."""
        maps = x.flatten(0, 1)[None]  # as one image of B C maps: none shares statistics
        return batch_norm(maps, None, None, *self.weights, training=True).reshape(x.shape)


def _stack(drawn: list[np.ndarray[tuple[int, ...], np.dtype[np.float64]]]) -> Tensor:
    return torch.from_numpy(np.stack(drawn).astype(np.float32))
