"""Import one library and run it once: ``python -c SOURCE NAME``, in a process of its own.

Sent to the board as text and run there by the Python that runs the engines; a library that ends
the process with an illegal instruction ends this one. Prints its release, then the memory it took.
"""

from __future__ import annotations

import base64
import importlib
import json
import sys
from importlib import metadata

# y = x W of an x [1,4] with W = 2 I, opset 13, as an ONNX file.
ONNX = (
    "CAcSADqNAQoRCgF4CgF3EgF5IgZNYXRNdWwSAXQqSwgECAQQAUIBd0pAAAAAQAAAAAAAAAAAAAAAAAAAAAAAAABAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAEAAAAAAAAAAAAAAAAAAAAAAAAAAQFoTCgF4Eg4KDAgBEggKAggBCgIIBGITCgF5Eg4K"
    "DAgBEggKAggBCgIIBEIECgAQDQ=="
)


def try_numpy() -> str:
    """Multiply two matrices whose product is known, and import the runtime."""
    numpy = importlib.import_module("numpy")
    identity = numpy.eye(64, dtype="float32")
    counted = numpy.arange(64 * 64, dtype="float32").reshape(64, 64)
    assert (identity @ counted == counted).all(), "a wrong product"
    importlib.import_module("bitprior_runtime.cli.main")
    return str(numpy.__version__)


def try_native() -> str:
    """Solve a known problem with the native kernels."""
    kernels = importlib.import_module("bitprior_runtime.kernels")
    assert kernels.problem() is None, kernels.problem()
    doctor = importlib.import_module("bitprior_runtime.cli.doctor")
    error = doctor.self_test(doctor.NativeFloatEngine)
    assert error < 1e-4, f"a known problem solved to {error:g}"
    return str(kernels.kernels()[-1])


def try_onnxruntime() -> str:
    """Run a graph of one node."""
    runtime = importlib.import_module("onnxruntime")
    numpy = importlib.import_module("numpy")
    session = runtime.InferenceSession(base64.b64decode(ONNX), providers=["CPUExecutionProvider"])
    (y,) = session.run(None, {"x": numpy.ones((1, 4), dtype="float32")})
    assert (y == 2).all(), "a wrong product"
    return str(runtime.__version__)


def try_onnxruntime_training() -> str:
    """Import what trains."""
    importlib.import_module("onnxruntime.training.api")
    return str(importlib.import_module("onnxruntime").__version__)


def try_cv2() -> str:
    """Resize an image."""
    cv2 = importlib.import_module("cv2")
    numpy = importlib.import_module("numpy")
    assert cv2.resize(numpy.ones((4, 4), dtype="uint8"), (2, 2)).all(), "a wrong image"
    return str(cv2.__version__)


def try_picamera2() -> str:
    """Import it; only a camera could be more of a trial."""
    importlib.import_module("picamera2")
    return "imported"


TRIALS = {
    "numpy": try_numpy,
    "native": try_native,
    "onnxruntime": try_onnxruntime,
    "onnxruntime-training": try_onnxruntime_training,
    "cv2": try_cv2,
    "picamera2": try_picamera2,
}


def installed(name: str) -> str | None:
    """Return the release of a distribution by its metadata: nothing of it is run."""
    for distribution in (name, f"{name}-gpu", f"{name}-cpu"):
        try:
            return metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return None


def main(name: str) -> None:
    """Run one trial and print what it gave; the release before it can end this process."""
    print(json.dumps({"version": installed(name)}), flush=True)
    version = TRIALS[name]()
    with open("/proc/self/status") as file:
        peak = [int(line.split()[1]) for line in file if line.startswith("VmHWM:")]
    print(json.dumps({"version": version, "peak_mb": peak[0] * 1024 / 1e6 if peak else None}))


if __name__ == "__main__":
    main(sys.argv[1])
