"""Concat and Slice: put activations side by side along an axis, or take a part of one.

Axes count the batch axis as 0, as ONNX does; the batch is never joined or cut.
"""

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np

from bitprior_runtime.ops.base import Array, Attributes, Op, Operand, refuse, take
from bitprior_runtime.program import Shape


def _concat_infer(operands: Sequence[Operand], attributes: Attributes) -> Shape:
    if len(operands) < 2:
        raise refuse("Concat with 2 or more inputs", f"{len(operands)}")
    if any(operand.constant for operand in operands):
        raise refuse("Concat of activations", "a constant, which has no batch")
    axis, shapes = cast(int, attributes["axis"]), [operand.shape for operand in operands]
    rank = len(shapes[0])
    if not 1 <= axis <= rank:
        raise refuse(f"Concat with an axis in 1..{rank}", f"{axis}")
    rests = {(*shape[: axis - 1], *shape[axis:]) for shape in shapes}
    if len(rests) != 1 or any(len(shape) != rank for shape in shapes):
        raise refuse(f"Concat of shapes that differ along axis {axis} alone", f"{shapes}")
    total = sum(shape[axis - 1] for shape in shapes)
    return (*shapes[0][: axis - 1], total, *shapes[0][axis:])


def _concat(inputs: Sequence[Array], attributes: Attributes) -> Array:
    return np.concatenate(inputs, axis=cast(int, attributes["axis"]))


def _concat_vjp(
    cotangent: Array, inputs: Sequence[Array], output: Array, attributes: Attributes, index: int
) -> Array:
    axis = cast(int, attributes["axis"])
    start = sum(part.shape[axis] for part in inputs[:index])
    return np.take(cotangent, range(start, start + inputs[index].shape[axis]), axis=axis)


def kept(shape: Shape, attributes: Attributes) -> Mapping[int, range]:
    """Return which positions a Slice keeps of each axis that it cuts.

    Args:
        shape: Shape of the input without the batch axis.
        attributes: Starts, ends, axes and steps as ONNX defines them: counted from the end where
            negative, clamped to the axis where beyond it.
    """
    names = ("axes", "starts", "ends", "steps")
    columns = zip(*(cast(Shape, attributes[name]) for name in names), strict=True)
    return {
        axis: range(*slice(start, end, step).indices(shape[axis - 1]))
        for axis, start, end, step in columns
    }


def _slice_infer(operands: Sequence[Operand], attributes: Attributes) -> Shape:
    (operand,) = take(operands, 1, 1, "Slice")
    if operand.constant:
        raise refuse("Slice of an activation", "a constant")
    axes, steps = cast(Shape, attributes["axes"]), cast(Shape, attributes["steps"])
    lengths = {len(cast(Shape, attributes[name])) for name in ("starts", "ends", "axes", "steps")}
    if len(lengths) != 1 or not axes:
        raise refuse("Slice with starts, ends, axes and steps of one length", f"{lengths}")
    rank = len(operand.shape)
    if len(set(axes)) != len(axes) or not all(1 <= axis <= rank for axis in axes):
        raise refuse(f"Slice with different axes in 1..{rank}", f"{axes}")
    if 0 in steps:
        raise refuse("Slice with steps other than 0", f"{steps}")
    if any(abs(step) > operand.shape[axis - 1] for axis, step in zip(axes, steps, strict=True)):
        raise refuse(f"Slice with steps within the sizes {operand.shape}", f"{steps}")
    sizes = list(operand.shape)
    for axis, positions in kept(operand.shape, attributes).items():
        sizes[axis - 1] = len(positions)
    if 0 in sizes:
        raise refuse("Slice that keeps something", f"shape {tuple(sizes)}")
    return tuple(sizes)


def _index(shape: Shape, attributes: Attributes) -> tuple[slice, ...]:
    index = [slice(None)] * (len(shape) + 1)
    for axis, positions in kept(shape, attributes).items():
        # A range that runs down to position 0 stops at -1, which a slice reads as the last.
        stop = positions.stop if positions.stop >= 0 else None
        index[axis] = slice(positions.start, stop, positions.step)
    return tuple(index)


def _slice(inputs: Sequence[Array], attributes: Attributes) -> Array:
    return inputs[0][_index(inputs[0].shape[1:], attributes)]


def _slice_vjp(
    cotangent: Array, inputs: Sequence[Array], output: Array, attributes: Attributes, index: int
) -> Array:
    spread = np.zeros(inputs[0].shape, dtype=cotangent.dtype)
    spread[_index(inputs[0].shape[1:], attributes)] = cotangent
    return spread


OPS = {
    "Concat": Op(_concat_infer, _concat, _concat_vjp, {"axis": 1}),
    # ONNX gives all four as tensors; a program, as attributes.
    "Slice": Op(
        _slice_infer, _slice, _slice_vjp, {"starts": (), "ends": (), "axes": (), "steps": ()}
    ),
}
