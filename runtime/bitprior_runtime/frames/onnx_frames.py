"""A prior bound to a frame on stock ONNX Runtime: the files beside the bundle, at any size."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.bundle import Bundle
from bitprior_runtime.companions import read_companions
from bitprior_runtime.errors import MissingFileError, UsageError
from bitprior_runtime.frames.framed import FloatArray
from bitprior_runtime.frames.onnx_kinds import FRAME_GRAPHS, frame_kinds, serves_frames
from bitprior_runtime.frames.reframe import reframe
from bitprior_runtime.onnx_graph import OnnxGraph, shaped
from bitprior_runtime.sensing.operator import check_frame
from bitprior_runtime.shapes import infer_shapes

Array = NDArray[Any]


class OnnxFramedPrior:
    """A fully convolutional prior on a frame, on ONNX Runtime; as ``FramedPrior`` otherwise.

    Args:
        bundle: The model; it has the hashes of its ONNX files.
        frame: (H, W), any.
        folder: Where those files are, or None if there is no such folder.
        threads: Threads within an op; None leaves it to ONNX Runtime.

    Attributes:
        frame: (H, W).
        canvas: (H', W'), whole multiples of the stride.
        latent: k, values of a latent at this frame.
        maps: (C, h, w) of the latent.
        name: Name of the engine.
        kernel: Name of its kernels.

    Raises:
        UsageError: A frame that is none, or a bundle without such files.
        ProgramError: The frame takes more than MAX_FRAME_BYTES, or is not one of the prior's.
        MissingExtraError: onnxruntime is not installed.
        MissingFileError: An ONNX file is missing.
        CheckFailedError: An ONNX file is not the one that was exported with the bundle.
    """

    name = "onnx"
    kernel = "onnxruntime"

    def __init__(
        self,
        bundle: Bundle,
        frame: tuple[int, int],
        folder: Path | None,
        threads: int | None = None,
    ) -> None:
        self.frame = check_frame(frame)
        files = _read(bundle, folder)
        manifest = bundle.manifest
        assert manifest.frames is not None  # or there were no such files
        stride = manifest.frames.stride
        rows, columns = -(-self.frame[0] // stride), -(-self.frame[1] // stride)
        self.canvas = (rows * stride, columns * stride)
        _, height, width = manifest.geometry
        # Its shapes are those of the graph; what they take is bounded there.
        reframe(bundle.generator, (height, width), self.canvas)
        self._graphs = {kind: OnnxGraph(data, threads or 0) for kind, data in files.items()}
        (shape,) = manifest.latents.values()
        self.maps = (
            shape[0],
            shape[1] * self.canvas[0] // height,
            shape[2] * self.canvas[1] // width,
        )
        self.latent = math.prod(self.maps)
        channels = manifest.geometry[0]
        self._shapes: dict[str, tuple[int, ...]] = {
            "generate": (channels, *self.canvas),
            "vjp": self.maps,
        }
        if bundle.search is not None:
            penalty = reframe(bundle.search.penalty, (height, width), self.canvas)
            shape = infer_shapes(penalty)[penalty.output]
            self._shapes |= {"start": self.maps, "penalty": shape, "penalty_vjp": self.maps}

    def generate(self, z: Array) -> FloatArray:
        """Return G(z): images [B,C,H,W] from latents [B,k]; not clipped to [0,1]."""
        drawn = self._run("generate", z=self._latents(z))
        height, width = self.frame
        return np.ascontiguousarray(drawn[:, :, :height, :width])

    def vjp(self, z: Array, cotangent: Array) -> FloatArray:
        """Return J_G^T c, [B,k], at latents [B,k] for cotangents [B,C,H,W] of the images."""
        flowing = self._on_canvas("cotangents", cotangent)
        return _flat(self._run("vjp", z=self._latents(z), cotangent=flowing))

    def start(self, u: Array) -> FloatArray:
        """Return the start latents [B,k] of the learned search, see ``FramedPrior.start``."""
        return _flat(self._run("start", u=self._on_canvas("estimates", u)))

    def penalty(self, z: Array) -> FloatArray:
        """Return K1 z, [B, P * h * w], of latents [B,k]."""
        return _flat(self._run("penalty", z=self._latents(z)))

    def penalty_vjp(self, z: Array, w: Array) -> FloatArray:
        """Return K1^T w, [B,k], of w [B, P * h * w]."""
        maps = w.reshape(len(w), -1, *self.maps[1:])
        return _flat(self._run("penalty_vjp", z=self._latents(z), cotangent=maps))

    def _run(self, kind: str, **values: Array) -> FloatArray:
        if kind not in self._graphs:
            raise UsageError(
                "a prior with a learned search", f"no {kind}.onnx", "use another solver"
            )
        graph = self._graphs[kind]
        given = {
            name: np.ascontiguousarray(value, np.float32)
            for name, value in values.items()
            if name in graph.inputs
        }
        output = FRAME_GRAPHS[kind].output
        found = graph.run(given, (output,))[output]
        rows = len(values["u" if kind == "start" else "z"])
        return shaped(found, f"{kind}.onnx", rows, *self._shapes[kind])

    def _latents(self, z: Array) -> Array:
        return z.reshape(len(z), *self.maps)

    def _on_canvas(self, what: str, values: Array) -> Array:
        """Return values [B,C,H,W] with zeros beyond the frame."""
        height, width = self.frame
        if values.ndim != 4 or values.shape[2:] != self.frame:
            raise UsageError(
                f"{what} [B,C,{height},{width}]",
                f"shape {values.shape}",
                "use the frame that the prior is bound to",
            )
        canvas = np.zeros((*values.shape[:2], *self.canvas), np.float32)
        canvas[:, :, :height, :width] = values
        return canvas


def _flat(values: FloatArray) -> FloatArray:
    return values.reshape(len(values), -1)


def _read(bundle: Bundle, folder: Path | None) -> Mapping[str, bytes]:
    if not serves_frames(bundle):
        raise UsageError(
            "a fully convolutional prior that measures nothing by itself, for engine onnx",
            f"{bundle.manifest.name!r}",
            "use engine float or integer",
        )
    if folder is None:
        raise MissingFileError(
            "ONNX files beside the bundle",
            "a bundle that was read from no file",
            "load it from a file, or use engine float",
        )
    files = read_companions(bundle, folder)
    absent = [kind for kind in frame_kinds(bundle) if kind not in files]
    if absent:
        raise MissingFileError(
            f"{', '.join(frame_kinds(bundle))} among the ONNX files of the bundle",
            f"no {', '.join(absent)}",
            "export it again",
        )
    return files
