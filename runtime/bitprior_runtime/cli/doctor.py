"""``bitprior doctor``: what this machine can do, and what is missing."""

import platform
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

import numpy as np

from bitprior_runtime.cli import verbs
from bitprior_runtime.cli.output import JsonFlag, emit
from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.engines.native_float_engine import NativeFloatEngine
from bitprior_runtime.errors import CheckFailedError
from bitprior_runtime.kernels import kernels, problem
from bitprior_runtime.program import Node, Program
from bitprior_runtime.solvers import ProximalOptions, proximal
from bitprior_runtime.tensors import FloatTensor
from bitprior_runtime.version import __version__

# import name -> (distribution, what it is for)
_PACKAGES = {
    "numpy": ("numpy", "core"),
    "safetensors": ("safetensors", "core"),
    "cv2": ("opencv-python-headless", "devices: image files, cameras"),
    "torch": ("torch", "train"),
    "brevitas": ("brevitas", "train"),
    "onnx": ("onnx", "export"),
    "qonnx": ("qonnx", "export"),
    "onnxruntime": ("onnxruntime", "ort"),
    "matplotlib": ("matplotlib", "report"),
}


def run(json: JsonFlag = False) -> None:
    """Say what this machine is, which packages are here, and whether the engines work."""
    packages = {name: _installed(name) for name in _PACKAGES}
    engines = {"float/numpy": _tried(FloatEngine)}
    if problem() is None:
        engines["float/native"] = _tried(NativeFloatEngine)
    result: dict[str, Any] = {
        "bitprior": __version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": platform.system(),
        "packages": packages,
        "engines": engines,
        "native_kernels": {"kernels": kernels(), "problem": problem()},
        "missing_verbs": {verb: extra for verb, (_, extra) in verbs.UNAVAILABLE.items()},
    }
    emit(result, _text(result), json)
    broken = [name for name, tried in engines.items() if not tried["works"]]
    if broken:
        raise CheckFailedError(
            "every engine to solve a linear problem with a known answer",
            f"errors in: {', '.join(broken)}",
            "reinstall numpy or bitprior: its arithmetic is broken on this machine",
        )


def _tried(engine: type[FloatEngine] | type[NativeFloatEngine]) -> dict[str, Any]:
    error = self_test(engine)
    return {"works": error < 1e-4, "error": error}


def self_test(engine: type[FloatEngine] | type[NativeFloatEngine] = FloatEngine) -> float:
    """Recover z from y = 2 z by gradient descent; return the largest error, about 0."""
    double = FloatTensor(np.eye(3, dtype=np.float32) * 2)
    generator = Program("generator", {"z": (3,)}, "x", [Node("Identity", ("z",), "x")], {})
    sensing = Program("sensing", {"x": (3,)}, "y", [Node("MatMul", ("x", "A"), "y")], {"A": double})
    arithmetic = engine(generator, sensing)
    z = np.array([[0.5, -1.0, 0.25]], dtype=np.float32)
    options = ProximalOptions(steps=100, step_size=0.1)
    found = proximal(arithmetic, arithmetic.sense(z), np.zeros_like(z), options).latent
    return float(np.abs(found - z).max())


def _installed(name: str) -> str | None:
    if find_spec(name) is None:
        return None
    try:
        return version(_PACKAGES[name][0])
    except PackageNotFoundError:
        return "unknown version"


def _text(result: dict[str, Any]) -> str:
    machine = f"{result['system']} {result['machine']}"
    lines = [f"bitprior {result['bitprior']}, Python {result['python']} on {machine}"]
    for name, found in result["packages"].items():
        purpose = _PACKAGES[name][1]
        lines.append(
            f"  {'ok' if found else '--'} {name:<12} {found or 'not installed':<14} {purpose}"
        )
    for name, tried in result["engines"].items():
        verdict = "ok" if tried["works"] else "FAIL"
        lines.append(f"  {verdict} engine {name} solves a known problem to {tried['error']:.0e}")
    lines.append(_native_text(result["native_kernels"]))
    for verb, extra in result["missing_verbs"].items():
        lines.append(f"  -- verb {verb!r} needs: pip install 'bitprior[{extra}]'")
    return "\n".join(lines)


def _native_text(native: dict[str, Any]) -> str:
    if native["problem"]:
        lost = "numpy does the work, several times slower"
        return f"  -- native kernels: {native['problem']}; {lost}; install with a C compiler"
    *others, best = native["kernels"]
    return f"  ok native kernels: {best} (also {', '.join(others) or 'none'})"
