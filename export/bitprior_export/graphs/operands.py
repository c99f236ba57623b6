"""Attributes of a program that ONNX takes as tensors."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast

import numpy as np

from bitprior_export.graphs.builder import GraphBuilder
from bitprior_runtime.program import Attribute, Node, Shape
from bitprior_runtime.shapes import complete_attributes

Attributes: TypeAlias = Mapping[str, Attribute]
# (builder, shape of the first input without the batch, attributes, stem of the names) -> names
Emit: TypeAlias = Callable[[GraphBuilder, Shape, Attributes, str], list[str]]
_ABSENT = ""
# Resize with sizes: roi, scales, sizes.
_SIZES_AND_BEFORE = 3


def emit_operands(
    builder: GraphBuilder, node: Node, shape: Shape, stem: str
) -> tuple[list[str], dict[str, Any]]:
    """Add the tensors that follow the inputs of ``node`` in ONNX.

    Args:
        builder: Where they go.
        node: A program's node.
        shape: Shape of its first input without the batch axis.
        stem: What their names begin with.

    Returns:
        Their names, and the attributes of the program that are attributes in ONNX too.
    """
    if node.op not in _OPERANDS:
        return [], dict(node.attributes)
    names, emit = _OPERANDS[node.op]
    rest: dict[str, Any] = {
        name: value for name, value in node.attributes.items() if name not in names
    }
    operands = emit(builder, shape, complete_attributes(node), stem)
    if node.op == "Resize" and len(operands) == _SIZES_AND_BEFORE:
        rest["axes"] = (2, 3)
    return operands, rest


def emit_reshape(builder: GraphBuilder, value: str, shape: Shape, stem: str = "Reshape") -> str:
    """Reshape to [batch, *shape]."""
    return builder.add("Reshape", [value, *_reshape(builder, (), {"shape": shape}, stem)], stem)


def _reshape(builder: GraphBuilder, shape: Shape, attributes: Attributes, stem: str) -> list[str]:
    # ONNX reads a 0 as "this axis as it is": the batch.
    return [builder.integers([0, *cast(Shape, attributes["shape"])], f"{stem}.shape")]


def _slice(builder: GraphBuilder, shape: Shape, attributes: Attributes, stem: str) -> list[str]:
    names = ("starts", "ends", "axes", "steps")
    return [builder.integers(cast(Shape, attributes[name]), f"{stem}.{name}") for name in names]


def _resize(builder: GraphBuilder, shape: Shape, attributes: Attributes, stem: str) -> list[str]:
    """Give scales where they are exact (every runtime takes those), else the spatial sizes.

    A scale that float32 cannot hold could come out as another size. The sizes of all four axes
    would hold the batch, which is known only when the graph runs: hence ``axes``.
    """
    sizes = cast(Shape, attributes["sizes"])
    scales = whole_scales(shape, sizes)
    if scales:
        values = np.array([1, 1, *scales], dtype=np.float32)
        return [_ABSENT, builder.constant(values, f"{stem}.scales")]
    return [_ABSENT, _ABSENT, builder.integers(sizes, f"{stem}.sizes")]


def _pad(builder: GraphBuilder, shape: Shape, attributes: Attributes, stem: str) -> list[str]:
    pads, rank = cast(Shape, attributes["pads"]), len(shape)
    full = [0, *pads[:rank], 0, *pads[rank:]]
    value = builder.scalar(cast(float, attributes["value"]), f"{stem}.value")
    return [builder.integers(full, f"{stem}.pads"), value]


def _clip(builder: GraphBuilder, shape: Shape, attributes: Attributes, stem: str) -> list[str]:
    return [
        builder.scalar(cast(float, attributes[name]), f"{stem}.{name}") for name in ("min", "max")
    ]


def _reduce(builder: GraphBuilder, shape: Shape, attributes: Attributes, stem: str) -> list[str]:
    return [builder.integers(cast(Shape, attributes["axes"]), f"{stem}.axes")]


def whole_scales(shape: Shape, sizes: Shape) -> Shape:
    """Return how many times larger ``sizes`` are than [C,H,W]; () if not whole times."""
    pairs = list(zip(sizes, shape[1:], strict=True))
    if any(wanted % size for wanted, size in pairs):
        return ()
    return tuple(wanted // size for wanted, size in pairs)


_OPERANDS: Mapping[str, tuple[tuple[str, ...], Emit]] = {
    "Reshape": (("shape",), _reshape),
    "Slice": (("starts", "ends", "axes", "steps"), _slice),
    "Resize": (("sizes",), _resize),
    "Pad": (("pads", "value"), _pad),
    "Clip": (("min", "max"), _clip),
    "ReduceSum": (("axes",), _reduce),
    "ReduceMean": (("axes",), _reduce),
}
