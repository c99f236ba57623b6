"""Estimate the memory of a recovery before it runs: does a bundle fit on a board?

The peak is the larger of two moments: while the file is read (its bytes, and the arrays made of
them), and while the engine works (the arrays, its own copies of the weights, the activations).
The factors were fitted to peak resident sizes measured on x86-64 (networks of 0.9, 1.4 and
11.5 million weights); what the interpreter and the libraries take is measured where it counts.
"""

import math
from dataclasses import dataclass

from bitprior_runtime.bundle import Bundle
from bitprior_runtime.program import Program
from bitprior_runtime.shapes import infer_shapes
from bitprior_runtime.tensors import QuantisedTensor

# Python 3.11 with numpy and this package imported, on x86-64; bitprior probe measures it anew.
BASE_MB = 42.3
# What importing onnxruntime adds.
ONNXRUNTIME_MB = 21.0
# What is imported only once a recovery runs: solvers, the engine's own modules.
_LATE_MB = 3.0


@dataclass(frozen=True)
class _Factors:
    """What an engine holds besides the bundle's own arrays.

    Attributes:
        fixed: MB, whatever the network.
        weight: Bytes for each weight.
        code: Bytes for each weight that is stored as a code, besides.
        activation: How many times a row's activations are in memory.
    """

    fixed: float
    weight: float
    code: float
    activation: float


_ENGINES = {
    "float/numpy": _Factors(0.0, 0.0, 5.5, 3.0),
    "float/native": _Factors(0.5, 4.0, -2.4, 1.5),  # codes stay packed: 1.6 bytes each
    "integer/numpy": _Factors(3.0, 10.5, 0.0, 4.0),
    "integer/native": _Factors(6.0, 11.0, 0.0, 0.5),
    "onnx/onnxruntime": _Factors(ONNXRUNTIME_MB + 16.0, 40.0, 0.0, 2.0),
}


def estimated_engines() -> tuple[str, ...]:
    """Return the ``engine/kernel`` names there are estimates for."""
    return tuple(_ENGINES)


def peak_memory_mb(
    bundle: Bundle, file_bytes: int, name: str, rows: int = 1, base_mb: float = BASE_MB
) -> float:
    """Estimate the peak resident memory of ``bitprior recover``, MB (10^6 bytes).

    Args:
        bundle: The model.
        file_bytes: Size of its file.
        name: ``engine/kernel``, one of :func:`estimated_engines`.
        rows: Measurements times restarts.
        base_mb: What the interpreter takes with numpy and this package imported.
    """
    factors = _ENGINES[name]
    programs = (bundle.generator, bundle.sensing)
    counts = [_weights(program) for program in programs]
    codes, floats = sum(pair[0] for pair in counts), sum(pair[1] for pair in counts)
    arrays = codes + 4 * floats
    reading = arrays + file_bytes + codes
    working: float = (
        arrays
        + factors.weight * (codes + floats)
        + factors.code * codes
        + factors.activation * rows * sum(map(_activations, programs))
    )
    working_mb = working / 1e6 + factors.fixed + _LATE_MB
    return base_mb + max(reading / 1e6, working_mb)


def _weights(program: Program) -> tuple[int, int]:
    """Return how many weights are stored as codes, and how many as floats."""
    sizes = [
        (isinstance(tensor, QuantisedTensor), math.prod(tensor.shape))
        for tensor in program.tensors.values()
    ]
    return sum(n for coded, n in sizes if coded), sum(n for coded, n in sizes if not coded)


def _activations(program: Program) -> int:
    """Return the bytes of all activations of one row, float32."""
    shapes = infer_shapes(program)
    return 4 * sum(math.prod(shapes[node.output]) for node in program.nodes)
