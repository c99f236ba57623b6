"""Pad: with a constant, by reflection, or by repeating the edge; never over the batch axis."""

from collections.abc import Sequence
from typing import cast

import numpy as np

from bitprior_runtime.ops import separable
from bitprior_runtime.ops.base import Array, Attributes, Op, Operand, refuse, take
from bitprior_runtime.program import Attribute, Shape

_DEFAULTS: dict[str, Attribute] = {
    # ONNX gives the pads of all axes as a tensor; a program, those behind the batch: what is added
    # before each axis, then what is added after each.
    "pads": (),
    "mode": "constant",
    "value": 0.0,  # ONNX's input constant_value
}
_MODES = ("constant", "reflect", "edge")


def _infer(operands: Sequence[Operand], attributes: Attributes) -> Shape:
    (operand,) = take(operands, 1, 1, "Pad")
    pads, rank = cast(Shape, attributes["pads"]), len(operand.shape)
    if operand.constant:
        raise refuse("Pad of an activation", "a constant")
    if len(pads) != 2 * rank or min(pads, default=0) < 0:
        raise refuse(f"Pad with {2 * rank} pads of at least 0", f"{pads}")
    if attributes["mode"] not in _MODES:
        raise refuse(f"Pad with mode among: {', '.join(_MODES)}", f"{attributes['mode']!r}")
    sizes = tuple(
        before + size + after
        for size, before, after in zip(operand.shape, pads[:rank], pads[rank:], strict=True)
    )
    if attributes["mode"] != "constant":
        separable.check_sizes("Pad", sizes)
    if attributes["mode"] == "reflect":
        _check_reflection(operand.shape, pads)
    return sizes


def _check_reflection(shape: Shape, pads: Shape) -> None:
    if any(pad >= size for pad, size in zip(pads, (*shape, *shape), strict=True) if pad):
        raise refuse(f"Pad by reflection of less than the sizes {shape}", f"pads {pads}")


def _pairs(rank: int, attributes: Attributes) -> list[tuple[int, int]]:
    """Return (before, after) of each axis behind the batch."""
    pads = cast(Shape, attributes["pads"])
    return list(zip(pads[:rank], pads[rank:], strict=True))


def matrices(shape: Shape, attributes: Attributes) -> separable.Matrices:
    """Return, for each axis that is padded, which input each output is a copy of.

    Args:
        shape: Shape of the input without the batch axis.
        attributes: All of the op's attributes; its mode is ``reflect`` or ``edge``.
    """
    found = {}
    for axis, (size, pair) in enumerate(
        zip(shape, _pairs(len(shape), attributes), strict=True), start=1
    ):
        if any(pair):
            found[axis] = np.eye(size)[_copy(np.arange(size), [pair], attributes)]
    return found


def inner(shape: Shape, attributes: Attributes) -> list[range]:
    """Return where the input lies in the output, for each axis behind the batch."""
    pairs = _pairs(len(shape), attributes)
    return [range(pair[0], pair[0] + size) for size, pair in zip(shape, pairs, strict=True)]


def _copy(x: Array, pairs: Sequence[tuple[int, int]], attributes: Attributes) -> Array:
    if attributes["mode"] == "reflect":
        return np.pad(x, pairs, mode="reflect")
    return np.pad(x, pairs, mode="edge")


def _forward(inputs: Sequence[Array], attributes: Attributes) -> Array:
    x = inputs[0]
    pairs = [(0, 0), *_pairs(x.ndim - 1, attributes)]
    if attributes["mode"] == "constant":
        return np.pad(x, pairs, constant_values=cast(float, attributes["value"]))
    return _copy(x, pairs, attributes)


def _vjp(
    cotangent: Array, inputs: Sequence[Array], output: Array, attributes: Attributes, index: int
) -> Array:
    if attributes["mode"] != "constant":
        return separable.vjp_of(matrices)(cotangent, inputs, output, attributes, index)
    kept = inner(inputs[0].shape[1:], attributes)
    return cotangent[(slice(None), *(slice(part.start, part.stop) for part in kept))]


OPS = {"Pad": Op(_infer, _forward, _vjp, _DEFAULTS)}
