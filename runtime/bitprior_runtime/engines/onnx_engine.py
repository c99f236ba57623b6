"""The onnx engine: generate.onnx, sense.onnx and gradient.onnx on stock ONNX Runtime.

The files lie beside the bundle; the bundle's manifest has their hashes, so that a file of another
export is refused.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.bundle import Bundle
from bitprior_runtime.companions import read_companions
from bitprior_runtime.engines.base import Loop
from bitprior_runtime.errors import CheckFailedError, MissingFileError
from bitprior_runtime.onnx_graph import OnnxGraph, scalars, shaped
from bitprior_runtime.onnx_session import available_providers
from bitprior_runtime.proximal_defaults import loop_options

_KINDS = ("generate", "sense", "gradient")

Array = NDArray[Any]


class OnnxEngine:
    """Inference graphs on ONNX Runtime, the gradient and the whole recovery among them.

    Args:
        bundle: The model; it has the hashes of its ONNX files.
        folder: Where those files are, or None if there is no such folder.
        threads: Threads within an op; None leaves it to ONNX Runtime.

    Attributes:
        provider: The execution provider that really ran the probe.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        MissingFileError: An ONNX file is missing.
        CheckFailedError: An ONNX file is not the one that was exported with the bundle, or no
            provider runs it.
    """

    name = "onnx"
    kernel = "onnxruntime"

    def __init__(self, bundle: Bundle, folder: Path | None, threads: int | None = None) -> None:
        files = _read(bundle, folder)
        self.provider, self._gradient = _probe(bundle, files["gradient"], threads or 0)
        others = {
            kind: OnnxGraph(data, threads or 0, (self.provider,))
            for kind, data in files.items()
            if kind != "gradient"
        }
        self._generate, self._sense = others["generate"], others["sense"]
        self._recover = others.get("recover")
        self._geometry = bundle.manifest.geometry
        self._size = bundle.manifest.measurement.size
        solver = bundle.manifest.solver
        self._loop = loop_options(solver, solver.steps).loop

    def generate(self, z: Array) -> Array:
        """Return G(z): images [B,C,H,W] in [0,1] from latents [B,k]."""
        found = self._generate.run({"z": _single(z)}, ("image",))["image"]
        return shaped(found, "image", len(z), *self._geometry)

    def sense(self, x: Array) -> Array:
        """Return A(x): measurements [B,m] from images [B,C,H,W] in [0,1]."""
        found = self._sense.run({"x": _single(x)}, ("y",))["y"]
        return shaped(found, "y", len(x), self._size)

    def loss(self, z: Array, y: Array) -> Array:
        """Return f(z) = ||y - A(G(z))||^2 per row, [B]."""
        found = self._gradient.run({"z": _single(z), "y": _single(y)}, ("loss",))["loss"]
        return shaped(found, "loss", len(z))

    def value_and_grad(self, z: Array, y: Array) -> tuple[Array, Array]:
        """Return f(z), [B], and its gradient with respect to z, [B,k]."""
        inputs = {"z": _single(z), "y": _single(y)}
        found = self._gradient.run(inputs, ("loss", "gradient"))
        loss = shaped(found["loss"], "loss", len(z))
        return loss, shaped(found["gradient"], "gradient", *z.shape)

    def loops(self, loop: Loop) -> bool:
        """Return whether recover.onnx is here and has that loop; its numbers are inputs."""
        if self._recover is None or "steps" not in self._recover.outputs:  # as in format 1.1
            return False
        steps, beta, tolerance = loop.steps, loop.step_size, loop.tolerance
        return loop == replace(self._loop, steps=steps, step_size=beta, tolerance=tolerance)

    def proximal(self, z0: Array, y: Array, loop: Loop) -> tuple[Array, Array, Array]:
        """Run recover.onnx; see ``ProximalEngine``."""
        assert self._recover is not None
        numbers = scalars(loop.step_size, loop.steps, loop.tolerance)
        found = self._recover.run(
            {"y": _single(y), "z0": _single(z0), **numbers}, ("z", "history", "steps")
        )
        history, taken = found["history"], found["steps"]
        rows = len(z0)
        fits = history.ndim == 2 and 1 <= len(history) <= loop.steps + 1
        latents = shaped(found["z"], "z", *z0.shape)
        history = shaped(history, "history", len(history) if fits else -1, rows)
        if taken.shape != (rows,) or taken.dtype.kind not in "iu":
            raise CheckFailedError(
                f"steps: whole numbers of shape {(rows,)} from recover.onnx",
                f"{taken.dtype}, shape {taken.shape}",
                "export the bundle and its ONNX files again, or use engine float",
            )
        missing = loop.steps + 1 - len(history)
        whole = np.pad(history, ((0, missing), (0, 0)), mode="edge")
        return latents, whole, taken


def _probe(bundle: Bundle, model: bytes, threads: int) -> tuple[str, OnnxGraph]:
    """Open the gradient graph on the first provider that really runs it.

    What a build lists says only what it was compiled with.
    """
    golden, found = bundle.golden, []
    inputs = {"z": golden.latents[:1], "y": golden.measurements[:1]}
    for provider in available_providers():
        try:
            graph = OnnxGraph(model, threads, (provider,))
            graph.run(inputs, ("loss",))
        except Exception as error:  # onnxruntime's own exceptions derive from nothing narrower
            found.append(f"{provider}: {str(error).strip().partition(chr(10))[0]}")
            continue
        if graph.provider == provider:
            return provider, graph
        found.append(f"{provider}: {graph.provider} ran instead")
    raise CheckFailedError(
        "an execution provider that runs gradient.onnx",
        "; ".join(found) or "none in this build of onnxruntime",
        "use engine float, or another version of onnxruntime",
    )


def _single(values: Array) -> Array:
    return np.ascontiguousarray(values, dtype=np.float32)


def _read(bundle: Bundle, folder: Path | None) -> Mapping[str, bytes]:
    if folder is None:
        raise MissingFileError(
            "ONNX files beside the bundle",
            "a bundle that was read from no file",
            "load it from a file, or use engine float",
        )
    files = read_companions(bundle, folder)
    absent = [kind for kind in _KINDS if kind not in files]
    if absent:
        raise MissingFileError(
            f"{', '.join(_KINDS)} among the ONNX files of the bundle",
            f"no {', '.join(absent)}",
            "export it for another target: bitprior devices lists them",
        )
    return files
