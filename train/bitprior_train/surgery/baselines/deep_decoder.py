"""Deep Decoder (Heckel and Hand 2019): an untrained network of few weights, one for each image."""

from math import log2, sqrt

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import batch_norm, interpolate

from bitprior_runtime.errors import UsageError
from bitprior_train.surgery.baselines.fitting import fit, found
from bitprior_train.surgery.operators import Geometry
from bitprior_train.surgery.problem import Problem, Recovered, best_restart

CHANNELS = {64: 44, 128: 89}  # by side of the images: about as many weights as GS has variables
_FIRST = 4  # side of the input; the paper's code has 2, taken for a power of 2
_STREAM = 12


class DeepDecoder:
    """min over the weights w of mean (y - A D(w))^2 by Adam; D has a fixed random input.

    D: 1 x 1 convolution with bias, batch norm on the image's own statistics, bilinear up-sampling
    by 2, ReLU, from k x 4 x 4 until the image's side is reached; then a 1 x 1 convolution and a
    sigmoid. All images of a problem are fitted at once, each with a network of its own.

    Args:
        geometry: (C, H, W) of the images, H = W a power of 2 from 8 on.
        channels: k; None: the paper's, for images of 64 x 64 and 128 x 128.
        steps: Of Adam.
        lr: Of Adam.

    Raises:
        UsageError: Another shape, or a side that has no channels of the paper's.
    """

    name = "Deep Decoder"

    def __init__(
        self,
        geometry: Geometry,
        channels: int | None = None,
        steps: int = 5000,
        lr: float = 1e-2,
    ) -> None:
        self._geometry, self._doublings = geometry, _doublings(geometry)
        self._channels = channels or _paper_channels(geometry[1])
        self._steps, self._lr = steps, lr
        self.depth = self._doublings + 1
        self.settings: dict[str, float | int | str] = {
            "depth": self.depth,
            "channels": self._channels,
            "steps": steps,
            "lr": lr,
        }

    @property
    def variables(self) -> int:
        """Weights of the network of an image."""
        k = self._channels
        return self._doublings * (k * k + k + 2 * k) + (k + 1) * self._geometry[0]

    def recover(self, problem: Problem, seed: int, restarts: int) -> Recovered:
        """See :meth:`~bitprior_train.surgery.problem.Method.recover`."""
        return best_restart([self._restart(problem, seed, r) for r in range(restarts)])

    def _restart(self, problem: Problem, seed: int, restart: int) -> Recovered:
        rows = range(len(problem.y))
        draws = [np.random.default_rng([seed, _STREAM, restart, row]) for row in rows]
        k = self._channels
        shape = (k, _FIRST, _FIRST)
        start = _stack([d.standard_normal(shape, dtype=np.float32) for d in draws])
        outputs = [k] * self._doublings + [self._geometry[0]]
        convolutions = [_Convolution(draws, k, out) for out in outputs]
        norms = [_Norm(len(rows), k) for _ in range(self._doublings)]
        weights = [tensor for layer in (*convolutions, *norms) for tensor in layer.weights]

        def images() -> Tensor:
            x = start
            for convolution, norm in zip(convolutions, norms, strict=False):
                x = norm(convolution(x))
                x = interpolate(x, scale_factor=2, mode="bilinear", align_corners=True).relu()
            return convolutions[-1](x).sigmoid()

        fit(problem, images, [(weights, self._lr)], self._steps)
        with torch.no_grad():
            return found(problem, images(), self.variables)


class _Convolution:
    """1 x 1 convolutions with bias, one for each image; weights start as torch's own do."""

    def __init__(self, draws: list[np.random.Generator], inputs: int, outputs: int) -> None:
        bound = 1 / sqrt(inputs)
        kernels = [d.uniform(-bound, bound, (outputs, inputs)) for d in draws]
        biases = [d.uniform(-bound, bound, (outputs, 1)) for d in draws]
        self.weights = tuple(_stack(each).requires_grad_() for each in (kernels, biases))

    def __call__(self, x: Tensor) -> Tensor:
        """Return [B, outputs, H, W] of x [B, inputs, H, W]."""
        kernels, biases = self.weights
        return torch.baddbmm(biases, kernels, x.flatten(2)).unflatten(2, x.shape[2:])


class _Norm:
    """Batch norms, one for each image, each on the statistics of that image alone."""

    def __init__(self, rows: int, channels: int) -> None:
        ones, zeros = torch.ones(rows * channels), torch.zeros(rows * channels)
        self.weights = (ones.requires_grad_(), zeros.requires_grad_())

    def __call__(self, x: Tensor) -> Tensor:
        """Return x [B, C, H, W] with mean and deviation of every map those of the weights."""
        # To one image of B C channels, whose batch norm works on each map.
        maps = x.flatten(0, 1)[None]
        return batch_norm(maps, None, None, *self.weights, training=True)[0].unflatten(
            0, x.shape[:2]
        )


def _doublings(geometry: Geometry) -> int:
    _, height, width = geometry
    doublings = round(log2(height / _FIRST))
    if height != width or doublings < 1 or _FIRST * 2**doublings != height:
        raise UsageError(
            "images of 8 x 8, 16 x 16, 32 x 32, 64 x 64 ... pixels for Deep Decoder",
            f"{height} x {width}",
            "leave this method out, or use another data set",
        )
    return doublings


def _paper_channels(side: int) -> int:
    if side not in CHANNELS:
        raise UsageError(
            "images of 64 x 64 or 128 x 128 pixels, or a number of channels",
            f"{side} x {side} and none",
            "set channels",
        )
    return CHANNELS[side]


def _stack(drawn: list[NDArray[np.float32]] | list[NDArray[np.float64]]) -> Tensor:
    return torch.from_numpy(np.stack(drawn).astype(np.float32))
