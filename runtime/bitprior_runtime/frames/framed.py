"""A prior bound to a frame: G, J_G^T and the networks of a learned search, at its size."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.bundle import Bundle, Measurement
from bitprior_runtime.bundle.identity import identity_sensing
from bitprior_runtime.bundle.manifest import NO_MEASUREMENT, ProgramName
from bitprior_runtime.engines.base import DifferentiableEngine
from bitprior_runtime.errors import UsageError
from bitprior_runtime.frames.reframe import reframe
from bitprior_runtime.program import Program
from bitprior_runtime.sensing.operator import check_frame
from bitprior_runtime.shapes import infer_shapes

Array = NDArray[Any]
FloatArray = NDArray[np.float32]
# A bundle whose generator is the program to run, and whose sensing program is the identity.
MakeEngine = Callable[[Bundle], DifferentiableEngine]


class PriorAtFrame(Protocol):
    """What recovery needs of a prior at a frame.

    Attributes:
        frame: (H, W) of the images.
        latent: k.
        name: Name of the engine, e.g. ``"float"``.
        kernel: Name of its kernels.
    """

    frame: tuple[int, int]
    latent: int
    name: str
    kernel: str

    def generate(self, z: Array) -> FloatArray:
        """Return G(z): images [B,C,H,W] from latents [B,k]."""
        ...

    def vjp(self, z: Array, cotangent: Array) -> FloatArray:
        """Return J_G^T c, [B,k], at latents [B,k] for cotangents [B,C,H,W] of the images."""
        ...


class FramedPrior:
    """A fully convolutional prior on a frame.

    Images are drawn on a canvas, the frame made whole to the prior's stride, and cropped: pixels of
    the canvas beyond the frame are dropped, and get cotangents of 0.

    Args:
        bundle: The model; its manifest has frames.
        frame: (H, W), any.
        make: Makes the engine of a program.

    Attributes:
        frame: (H, W).
        canvas: (H', W'), whole multiples of the stride.
        latent: k, values of a latent at this frame.
        maps: (C, h, w) of the latent's first part.
        name: Name of the engine.
        kernel: Name of its kernels.

    Raises:
        UsageError: A frame that is none, or a bundle without frames.
        BitpriorError: The engine cannot run a program; the message says why.
    """

    def __init__(self, bundle: Bundle, frame: tuple[int, int], make: MakeEngine) -> None:
        self.frame = frame = check_frame(frame)
        if bundle.manifest.frames is None:
            raise UsageError(
                "a fully convolutional prior, which says so in its frames",
                f"{bundle.manifest.name!r} without",
                "serve frames by tiles: TiledPrior",
            )
        stride = bundle.manifest.frames.stride
        self.canvas = (-(-frame[0] // stride) * stride, -(-frame[1] // stride) * stride)
        self._bundle, self._make = bundle, make
        _, *native = bundle.manifest.geometry
        self._native = (native[0], native[1])
        self._engines: dict[ProgramName, DifferentiableEngine] = {}
        generator = self._program("generator")
        self.latent = math.prod(next(iter(generator.inputs.values())))
        self.maps = self._scaled(next(iter(bundle.manifest.latents.values())))
        self._channels = bundle.manifest.geometry[0]
        engine = self._engine("generator")
        self.name, self.kernel = engine.name, engine.kernel

    def generate(self, z: Array) -> FloatArray:
        """Return G(z): images [B,C,H,W] from latents [B,k]; not clipped to [0,1]."""
        return self._cropped(self._engine("generator").generate(z))

    def vjp(self, z: Array, cotangent: Array) -> FloatArray:
        """Return J_G^T c, [B,k], at latents [B,k] for cotangents [B,C,H,W] of the images."""
        flowing = self._on_canvas("cotangents", cotangent, self._channels)
        return cast(FloatArray, self._engine("generator").vjp(z, flowing))

    def start(self, u: Array) -> FloatArray:
        """Return the start latents [B,k] of the learned search.

        Args:
            u: Linear estimate less the mean, and its standard deviation, [B,2,H,W].
        """
        found = self._engine("start").generate(self._on_canvas("estimates", u, 2))
        return cast(FloatArray, found.reshape(len(found), -1))

    def penalty(self, z: Array) -> FloatArray:
        """Return K1 z, [B, P * h * w], of latents [B,k]."""
        found = self._engine("penalty").generate(z)
        return cast(FloatArray, found.reshape(len(found), -1))

    def penalty_vjp(self, z: Array, w: Array) -> FloatArray:
        """Return K1^T w, [B,k], of w [B, P * h * w]."""
        return cast(FloatArray, self._engine("penalty").vjp(z, w))

    def _engine(self, which: ProgramName) -> DifferentiableEngine:
        if which not in self._engines:
            program = self._program(which)
            self._engines[which] = self._make(alone(self._bundle, which, program))
        return self._engines[which]

    def _program(self, which: ProgramName) -> Program:
        search = self._bundle.search
        if which == "generator":
            program = self._bundle.generator
        elif search is None:
            raise UsageError(
                "a prior with a learned search",
                f"{self._bundle.manifest.name!r} without",
                "use another solver",
            )
        else:
            program = search.start if which == "start" else search.penalty
        return reframe(program, self._native, self.canvas)

    def _scaled(self, shape: tuple[int, ...]) -> tuple[int, int, int]:
        channels, *sizes = shape
        rows, columns = (
            size * new // old
            for size, new, old in zip(sizes, self.canvas, self._native, strict=True)
        )
        return channels, rows, columns

    def _cropped(self, images: Array) -> FloatArray:
        height, width = self.frame
        return np.ascontiguousarray(images[:, :, :height, :width])

    def _on_canvas(self, what: str, values: Array, channels: int) -> FloatArray:
        """Return values [B,C,H,W] with zeros beyond the frame, flat, [B, C * H' * W']."""
        height, width = self.frame
        if values.shape[1:] != (channels, height, width):
            raise UsageError(
                f"{what} [B,{channels},{height},{width}]",
                f"shape {values.shape}",
                "use the frame that the prior is bound to",
            )
        canvas = np.zeros((len(values), channels, *self.canvas), np.float32)
        canvas[:, :, :height, :width] = values
        return canvas.reshape(len(values), -1)


def alone(bundle: Bundle, which: ProgramName, program: Program) -> Bundle:
    """Return a bundle of one program as the generator, with the identity behind it.

    Args:
        bundle: The whole model: its calibration has the program's ranges under ``which``.
        which: What the program is in that bundle.
        program: The program, at any frame.
    """
    shapes = infer_shapes(program)
    (latent,) = next(iter(program.inputs.values()))
    geometry = cast(tuple[int, int, int], shapes[program.output])
    calibration = bundle.manifest.calibration
    if calibration is not None:
        ranges: Mapping[ProgramName, Mapping[str, float]] = calibration.absmax
        calibration = replace(calibration, absmax={"generator": ranges.get(which, {})})
    manifest = replace(
        bundle.manifest,
        geometry=geometry,
        latent=latent,
        latents={},
        measurement=Measurement(NO_MEASUREMENT, math.prod(geometry)),
        calibration=calibration,
        frames=None,
        search=None,
    )
    generator = replace(program, name="generator")
    return Bundle(manifest, generator, identity_sensing(geometry), bundle.golden)
