"""Classical measurement operators, as ONNX graphs that go through the same door as any other.

An operator is named with its numbers: ``gaussian:m=250,seed=0``.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from bitprior_export.matrices import gaussian_matrix, rademacher_signs
from bitprior_runtime.errors import UsageError

OPSET = 17
# 1-bit codes take a byte each in memory, floats four.
MAX_MATRIX = 2**25
_NAME = re.compile(r"[a-z]+(:[a-z]+=[0-9a-z.]+(,[a-z]+=[0-9a-z.]+)*)?")
_QONNX = "qonnx.custom_op.general"

Geometry = tuple[int, int, int]
Values = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Operator:
    """A measurement operator.

    Attributes:
        kind: ``gaussian``, ``rademacher``, ``phase``, ``mask``, ``superres`` or ``identity``.
        numbers: Its numbers by name.
        words: What else it is told, by name.
    """

    kind: str
    numbers: Mapping[str, float]
    words: Mapping[str, str] = field(default_factory=dict)


def looks_like_operator(text: str) -> bool:
    """Return whether a ``--sensing`` names an operator and no file."""
    return _NAME.fullmatch(text) is not None and text.partition(":")[0] in _KINDS


def parse_operator(text: str) -> Operator:
    """Parse the name of an operator and check its numbers.

    Raises:
        UsageError: A number is missing, unknown or out of its range.
    """
    kind, _, rest = text.partition(":")
    known = _KINDS[kind]
    pairs = [item.partition("=") for item in rest.split(",") if item]
    given = {name: value for name, _, value in pairs}
    if len(given) != len(pairs) or not known.needed <= set(given) <= known.needed | known.optional:
        raise _usage(kind, f"{text!a}")
    words = {name: _word(kind, name, given.pop(name)) for name in _WORDS if name in given}
    numbers = {name: _number(kind, name, value) for name, value in given.items()}
    return Operator(kind, dict.fromkeys(known.optional, 0) | numbers, words)


def build_operator(operator: Operator, geometry: Geometry) -> ModelProto:
    """Return the operator for images [C,H,W] as an ONNX graph x -> y.

    Raises:
        UsageError: It is too large, or does not fit the geometry.
    """
    nodes, values, size = _KINDS[operator.kind].build(operator, geometry)
    image = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", *geometry])
    measured = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", size])
    constants = [numpy_helper.from_array(value, name) for name, value in values.items()]
    return helper.make_model(
        helper.make_graph(list(nodes), operator.kind, [image], [measured], constants),
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(_QONNX, 2)],
        ir_version=8,
    )


Built = tuple[Sequence[NodeProto], Values, int]


def _gaussian(operator: Operator, geometry: Geometry) -> Built:
    """Y = W x with W ~ N(0, 1/m), as compressed sensing takes it."""
    m, n = _sizes(operator, geometry)
    matrix = gaussian_matrix(m, n, int(operator.numbers["seed"]))
    return [_flatten("flat"), _product("matrix")], {"matrix": matrix}, m


def _rademacher(operator: Operator, geometry: Geometry) -> Built:
    """Y = W x with W = +-1/sqrt(m), each with probability 1/2: one bit an entry."""
    m, n = _sizes(operator, geometry)
    signs, scale = rademacher_signs(m, n, int(operator.numbers["seed"]))
    quantiser = helper.make_node(
        "BipolarQuant", ["signs", "scale"], ["matrix"], name="matrix/BipolarQuant", domain=_QONNX
    )
    values = {"signs": signs, "scale": np.array(scale)}
    return [_flatten("flat"), quantiser, _product("matrix")], values, m


def _phase(operator: Operator, geometry: Geometry) -> Built:
    """Y = |W x| or |W x|^2: phase retrieval, with either random matrix."""
    matrix = _gaussian if operator.words["kind"] == "gaussian" else _rademacher
    nodes, values, m = matrix(operator, geometry)
    signed = helper.make_node("Gemm", ["flat", "matrix"], ["signed"], name="signed/Gemm", transB=1)
    if operator.words["loss"] == "amplitude":
        last = helper.make_node("Abs", ["signed"], ["y"], name="y/Abs")
    else:
        last = helper.make_node("Mul", ["signed", "signed"], ["y"], name="y/Mul")
    return [*nodes[:-1], signed, last], values, m


def _mask(operator: Operator, geometry: Geometry) -> Built:
    """Y = the image with all but a share of its pixels set to zero (inpainting)."""
    c, h, w = geometry
    kept = round(operator.numbers["keep"] * h * w)
    if not 1 <= kept <= h * w:
        raise _usage("mask", f"{kept} of {h * w} pixels kept")
    rng = np.random.default_rng(int(operator.numbers["seed"]))
    mask = np.zeros(h * w, dtype=np.float32)
    mask[rng.permutation(h * w)[:kept]] = 1
    masked = helper.make_node("Mul", ["x", "mask"], ["masked"], name="masked/Mul")
    return [masked, _flatten("y", "masked")], {"mask": mask.reshape(1, h, w)}, c * h * w


def _superres(operator: Operator, geometry: Geometry) -> Built:
    """Y = the means of squares of factor x factor pixels."""
    (c, h, w), factor = geometry, int(operator.numbers["factor"])
    if h % factor or w % factor:
        raise _usage("superres", f"factor {factor} for {h} x {w} pixels, which it must divide")
    sides = [factor, factor]
    pooled = helper.make_node(
        "AveragePool", ["x"], ["small"], name="small/AveragePool", kernel_shape=sides, strides=sides
    )
    return [pooled, _flatten("y", "small")], {}, c * (h // factor) * (w // factor)


def _identity(operator: Operator, geometry: Geometry) -> Built:
    """Y = x, for denoising and for tests of a generator alone."""
    return [_flatten("y")], {}, math.prod(geometry)


def _flatten(output: str, source: str = "x") -> NodeProto:
    return helper.make_node("Flatten", [source], [output], name=f"{output}/Flatten", axis=1)


def _product(matrix: str) -> NodeProto:
    return helper.make_node("Gemm", ["flat", matrix], ["y"], name="y/Gemm", transB=1)


def _sizes(operator: Operator, geometry: Geometry) -> tuple[int, int]:
    m, n = int(operator.numbers["m"]), math.prod(geometry)
    if m * n > MAX_MATRIX:
        raise UsageError(
            f"a matrix of at most {MAX_MATRIX} entries",
            f"{m} x {n}",
            "take fewer measurements, or mask, or superres",
        )
    return m, n


@dataclass(frozen=True)
class _Kind:
    build: Callable[[Operator, Geometry], Built]
    example: str
    needed: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()


_KINDS: Mapping[str, _Kind] = {
    "gaussian": _Kind(_gaussian, "gaussian:m=250,seed=0", frozenset({"m"}), frozenset({"seed"})),
    "rademacher": _Kind(
        _rademacher, "rademacher:m=250,seed=0", frozenset({"m"}), frozenset({"seed"})
    ),
    "phase": _Kind(
        _phase,
        "phase:m=250,kind=gaussian,loss=amplitude,seed=0",
        frozenset({"m", "kind", "loss"}),
        frozenset({"seed"}),
    ),
    "mask": _Kind(_mask, "mask:keep=0.1,seed=0", frozenset({"keep"}), frozenset({"seed"})),
    "superres": _Kind(_superres, "superres:factor=4", frozenset({"factor"})),
    "identity": _Kind(_identity, "identity"),
}
OPERATORS = tuple(kind.example for kind in _KINDS.values())
_WORDS: Mapping[str, tuple[str, ...]] = {
    "kind": ("gaussian", "rademacher"),
    "loss": ("amplitude", "squared"),
}
_RANGES: Mapping[str, tuple[float, float]] = {
    "m": (1, MAX_MATRIX),
    "seed": (0, 2**63 - 1),
    "keep": (0.0, 1.0),
    "factor": (1, 1024),
}


def _number(kind: str, name: str, text: str) -> float:
    try:
        value: float = float(text) if name == "keep" else int(text)
    except ValueError as error:
        raise _usage(kind, f"{name}={text!a}") from error
    low, high = _RANGES[name]
    if not low <= value <= high:
        raise _usage(kind, f"{name}={text}, outside {low:g}..{high:g}")
    return value


def _word(kind: str, name: str, text: str) -> str:
    if text not in _WORDS[name]:
        raise _usage(kind, f"{name}={text}, none of {', '.join(_WORDS[name])}")
    return text


def _usage(kind: str, found: str) -> UsageError:
    return UsageError(
        f"an operator such as {_KINDS[kind].example}", found, "check its numbers, each given once"
    )
