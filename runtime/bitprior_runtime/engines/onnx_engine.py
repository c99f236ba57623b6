"""The onnx engine: generate.onnx, sense.onnx and gradient.onnx on stock ONNX Runtime.

The files lie beside the bundle; the bundle's manifest has their hashes, so that a file of another
export is refused.
"""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.bundle import Bundle
from bitprior_runtime.errors import CheckFailedError, MissingFileError
from bitprior_runtime.files import read_bytes
from bitprior_runtime.onnx_session import open_session

GENERATE, SENSE, GRADIENT = "generate.onnx", "sense.onnx", "gradient.onnx"
MAX_FILE_BYTES = 512 * 2**20
# In order of preference; those this build of ONNX Runtime does not have are left out.
PROVIDERS = ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider")

Array = NDArray[Any]


class OnnxEngine:
    """Inference graphs on ONNX Runtime, the gradient among them.

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
        files = {name: _read(bundle, folder, name) for name in (GENERATE, SENSE, GRADIENT)}
        self.provider, self._gradient = self._probe(bundle, files[GRADIENT], threads)
        self._generate, self._sense = (
            open_session(files[name], threads or 0, (self.provider,)) for name in (GENERATE, SENSE)
        )

    def generate(self, z: Array) -> Array:
        """Return G(z): images [B,C,H,W] in [0,1] from latents [B,k]."""
        return _run(self._generate, ("image",), z=z)[0]

    def sense(self, x: Array) -> Array:
        """Return A(x): measurements [B,m] from images [B,C,H,W] in [0,1]."""
        return _run(self._sense, ("y",), x=x)[0]

    def loss(self, z: Array, y: Array) -> Array:
        """Return f(z) = ||y - A(G(z))||^2 per row, [B]."""
        return _run(self._gradient, ("loss",), z=z, y=y)[0]

    def value_and_grad(self, z: Array, y: Array) -> tuple[Array, Array]:
        """Return f(z), [B], and its gradient with respect to z, [B,k]."""
        loss, gradient = _run(self._gradient, ("loss", "gradient"), z=z, y=y)
        return loss, gradient

    @staticmethod
    def _probe(bundle: Bundle, model: bytes, threads: int | None) -> tuple[str, Any]:
        """Open the gradient graph on the first provider that really runs it.

        What a build lists says only what it was compiled with.
        """
        import onnxruntime

        golden = bundle.golden
        listed = [name for name in PROVIDERS if name in onnxruntime.get_available_providers()]
        found = []
        for provider in listed:
            try:
                session = open_session(model, threads or 0, (provider,))
                if session.get_providers()[0] != provider:
                    found.append(f"{provider}: not taken")
                    continue
                _run(session, ("loss",), z=golden.latents[:1], y=golden.measurements[:1])
            except Exception as error:  # onnxruntime's own exceptions derive from nothing narrower
                found.append(f"{provider}: {str(error).strip().partition(chr(10))[0]}")
                continue
            return provider, session
        raise CheckFailedError(
            f"one of {', '.join(PROVIDERS)} to run {GRADIENT}",
            "; ".join(found) or "none of them in this build",
            "use engine float, or another version of onnxruntime",
        )


def _read(bundle: Bundle, folder: Path | None, name: str) -> bytes:
    known = bundle.manifest.companions
    todo = "export again, and copy the folder of ONNX files beside the bundle"
    if folder is None or name not in known:
        found = "a bundle exported without ONNX files" if name not in known else "no folder"
        raise MissingFileError(f"{name} beside the bundle", found, todo)
    try:
        data = read_bytes(folder / name, MAX_FILE_BYTES)
    except MissingFileError as error:
        raise MissingFileError(error.expected, error.found, todo) from error
    actual = hashlib.sha256(data).hexdigest()
    if actual != known[name]:
        raise CheckFailedError(
            f"{folder / name} with SHA-256 {known[name][:16]}..., as the bundle says",
            f"{actual[:16]}...",
            todo,
        )
    return data


def _run(session: Any, outputs: tuple[str, ...], **inputs: Array) -> list[Array]:
    """Run a graph through an IO binding: buffers on the device, copied back once."""
    binding = session.io_binding()
    for name, value in inputs.items():
        binding.bind_cpu_input(name, np.ascontiguousarray(value, dtype=np.float32))
    for name in outputs:
        binding.bind_output(name)
    session.run_with_iobinding(binding)
    values: list[Array] = binding.copy_outputs_to_cpu()
    return values
