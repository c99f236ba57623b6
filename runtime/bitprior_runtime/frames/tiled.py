"""Frames from a prior of one size: overlapping tiles, blended before anything is measured.

The frame is covered by tiles of the prior's own size that overlap by about half. Every tile has a
latent of its own; the latents lie side by side in one z. The image is the sum of the tiles, each
times a smooth window; the windows add up to 1 at every pixel. The blend is a linear map, and its
adjoint cuts the cotangent of the image into the tiles' cotangents: the gradient crosses the seams.
"""

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.bundle import Bundle
from bitprior_runtime.bundle.limits import MAX_FRAME_BYTES
from bitprior_runtime.engines.base import DifferentiableEngine
from bitprior_runtime.errors import UsageError
from bitprior_runtime.frames.framed import FloatArray, MakeEngine, alone
from bitprior_runtime.sensing.operator import check_frame

Array = NDArray[Any]

# Of a tile's side: how much of it the next one overlaps, at least.
OVERLAP = 0.5


class TiledPrior:
    """A prior of one size on a frame of at least that size.

    Args:
        bundle: The model.
        frame: (H, W), each at least as large as the prior's own.
        make: Makes the engine of a program.

    Attributes:
        frame: (H, W).
        latent: Values of all tiles' latents together.
        tiles: Tiles along the rows and the columns of pixels.
        windows: Weight of each tile at each of its pixels, [tiles, h, w].
        corners: (top, left) of each tile, [tiles, 2].
        name: Name of the engine.
        kernel: Name of its kernels.

    Raises:
        UsageError: A frame smaller than a tile, or one that takes more than MAX_FRAME_BYTES.
        BitpriorError: The engine cannot run the generator; the message says why.
    """

    def __init__(self, bundle: Bundle, frame: tuple[int, int], make: MakeEngine) -> None:
        self.frame = frame = check_frame(frame)
        self._geometry = bundle.manifest.geometry
        _, height, width = self._geometry
        if frame[0] < height or frame[1] < width:
            raise UsageError(
                f"a frame of at least a tile, {height} x {width}",
                f"{frame[0]} x {frame[1]}",
                "give a larger frame, or use a prior of a smaller size",
            )
        _check_size(bundle, self.frame)
        starts = [places(size, side) for size, side in zip(frame, (height, width), strict=True)]
        weights = [
            windows(size, side, at)
            for size, side, at in zip(frame, (height, width), starts, strict=True)
        ]
        self.tiles = (len(starts[0]), len(starts[1]))
        self.corners = np.array([(top, left) for top in starts[0] for left in starts[1]])
        down, across = weights
        outer = down[:, None, :, None] * across[None, :, None, :]
        self.windows = outer.reshape(-1, height, width).astype(np.float32)
        self._tile_latent = bundle.manifest.latent
        self.latent = len(self.corners) * self._tile_latent
        self._engine: DifferentiableEngine = make(alone(bundle, "generator", bundle.generator))
        self.name, self.kernel = self._engine.name, self._engine.kernel

    def generate(self, z: Array) -> FloatArray:
        """Return the blended images [B,C,H,W] from latents [B,k] of all tiles."""
        latents = self._by_tile(z)
        count = len(self.corners)
        images = np.zeros((len(z), self._geometry[0], *self.frame), np.float32)
        for tile in range(count):
            drawn = self._run(latents[:, tile])
            images[self._where(tile)] += drawn * self.windows[tile]
        return images

    def vjp(self, z: Array, cotangent: Array) -> FloatArray:
        """Return J_G^T c, [B,k], at latents [B,k] for cotangents [B,C,H,W] of the images."""
        wanted = (self._geometry[0], *self.frame)
        if cotangent.shape[1:] != wanted:
            raise UsageError(
                f"cotangents [B,{','.join(map(str, wanted))}]",
                f"shape {cotangent.shape}",
                "use the frame that the prior is bound to",
            )
        latents = self._by_tile(z)
        found = np.empty((len(cotangent), *latents.shape[1:]), np.float32)
        for tile in range(len(self.corners)):
            flowing = cotangent[self._where(tile)] * self.windows[tile]
            flat = np.ascontiguousarray(flowing.reshape(len(flowing), -1), np.float32)
            found[:, tile] = self._engine.vjp(np.ascontiguousarray(latents[:, tile]), flat)
        return found.reshape(len(found), -1)

    def _run(self, latents: Array) -> FloatArray:
        return cast(FloatArray, self._engine.generate(np.ascontiguousarray(latents)))

    def _by_tile(self, z: Array) -> Array:
        if z.ndim != 2 or z.shape[1] != self.latent:
            raise UsageError(
                f"latents [B,{self.latent}] of {len(self.corners)} tiles",
                f"shape {z.shape}",
                "use the frame that the prior is bound to",
            )
        return z.reshape(len(z), len(self.corners), self._tile_latent)

    def _where(self, tile: int) -> tuple[slice, slice, slice, slice]:
        top, left = self.corners[tile]
        _, height, width = self._geometry
        every = slice(None)
        return every, every, slice(top, top + height), slice(left, left + width)


def _check_size(bundle: Bundle, frame: tuple[int, int]) -> None:
    """Check what the image, the windows and the latents of all tiles take, before any are made."""
    channels, height, width = bundle.manifest.geometry
    tiles = count_of(frame[0], height) * count_of(frame[1], width)
    of_tiles = tiles * (height * width + bundle.manifest.latent)
    found = 4 * (channels * frame[0] * frame[1] + of_tiles)
    if found > MAX_FRAME_BYTES:
        raise UsageError(
            f"a frame of tiles that take at most {MAX_FRAME_BYTES / 1e6:,.0f} MB",
            f"{frame[0]} x {frame[1]}: {found / 1e6:,.0f} MB",
            "give a smaller frame",
        )


def count_of(size: int, side: int) -> int:
    """Return how many tiles of ``side`` lie along an axis of ``size`` pixels."""
    step = max(1, round(side * (1 - OVERLAP)))
    return 1 + -(-(size - side) // step)


def places(size: int, side: int) -> list[int]:
    """Return where tiles of ``side`` begin along an axis of ``size`` pixels, evenly spread."""
    if size == side:
        return [0]
    count = count_of(size, side)
    return [round(index * (size - side) / (count - 1)) for index in range(count)]


def windows(size: int, side: int, at: list[int]) -> NDArray[np.float64]:
    """Return the weights of tiles along an axis, [tiles, side]; at every pixel they add up to 1.

    A raised cosine over each tile, divided by the sum of all of them.
    """
    bump = np.sin(np.pi * (np.arange(side) + 0.5) / side) ** 2
    total = np.zeros(size)
    for begin in at:
        total[begin : begin + side] += bump
    return np.stack([bump / total[begin : begin + side] for begin in at])
