"""The onnx-training engine: f and its gradient by ONNX Runtime Training, one row at a time.

The package behind it is no longer developed and exists for x86-64 alone; ``docs/onnx-training.md``.
Images and measurements come from the float engine: the training files hold f only.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.bundle import Bundle
from bitprior_runtime.engines.float_engine import FloatEngine
from bitprior_runtime.errors import MissingFileError, UsageError

FILES = ("training_model.onnx", "eval_model.onnx", "checkpoint")
LATENT = "z"
PACKAGE = "onnxruntime-training-cpu==1.19.2"

Array = NDArray[Any]


class OnnxTrainingEngine:
    """Autograd of ONNX Runtime Training; z is its only parameter.

    Args:
        bundle: The model.
        folder: Where its training files are, or None if there is no such folder.

    Raises:
        UsageError: The package is not installed.
        MissingFileError: There are no training files.
    """

    name = "onnx-training"
    kernel = "onnxruntime-training"

    def __init__(self, bundle: Bundle, folder: Path | None) -> None:
        if find_spec("onnxruntime") is None or find_spec("onnxruntime.training") is None:
            raise UsageError(
                f"the package {PACKAGE} for the engine onnx-training",
                "it is not installed",
                "use an environment of its own, see docs/onnx-training.md, or another engine",
            )
        paths = [_find(folder, name) for name in FILES]
        from onnxruntime.training.api import CheckpointState, Module

        training, evaluation, checkpoint = (str(path) for path in paths)
        self._state = CheckpointState.load_checkpoint(checkpoint)
        self._module = Module(training, self._state, evaluation)
        self._float = FloatEngine(bundle.generator, bundle.sensing)

    def generate(self, z: Array) -> Array:
        """Return G(z): images [B,C,H,W] in [0,1] from latents [B,k]."""
        return self._float.generate(z)

    def sense(self, x: Array) -> Array:
        """Return A(x): measurements [B,m] from images [B,C,H,W] in [0,1]."""
        return self._float.sense(x)

    def loss(self, z: Array, y: Array) -> Array:
        """Return f(z) = ||y - A(G(z))||^2 per row, [B]."""
        self._module.eval()
        return np.array([self._evaluate(z[i], y[i]) for i in range(len(z))], np.float32)

    def value_and_grad(self, z: Array, y: Array) -> tuple[Array, Array]:
        """Return f(z), [B], and its gradient with respect to z, [B,k]."""
        self._module.train()
        losses, gradients = np.empty(len(z), np.float32), np.empty(z.shape, np.float32)
        for i in range(len(z)):
            losses[i] = self._evaluate(z[i], y[i])
            gradients[i] = self._state.parameters[LATENT].grad[0]
            self._module.lazy_reset_grad()
        return losses, gradients

    def _evaluate(self, z: Array, y: Array) -> float:
        self._state.parameters[LATENT].data = z[np.newaxis].astype(np.float32)
        return float(self._module(y[np.newaxis].astype(np.float32)))


def _find(folder: Path | None, name: str) -> Path:
    path = None if folder is None else folder / name
    if path is None or not path.is_file():
        raise MissingFileError(
            f"{name} in {folder or 'a folder beside the bundle'}",
            "no such file",
            "export with --targets onnx-training, see docs/onnx-training.md",
        )
    return path
