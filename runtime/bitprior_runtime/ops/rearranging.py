"""Transpose, DepthToSpace and SpaceToDepth: the same values in another order."""

from collections.abc import Sequence
from functools import partial
from typing import TypeAlias, cast

import numpy as np

from bitprior_runtime.ops.base import Array, Attributes, Op, Operand, refuse, take
from bitprior_runtime.program import Shape

# Shape of the axes taken apart, their new order (both with the batch as axis 0), and their shape
# put together again; shapes without the batch axis.
Blocks: TypeAlias = tuple[Shape, Shape, Shape]


def _transpose_infer(operands: Sequence[Operand], attributes: Attributes) -> Shape:
    (operand,) = take(operands, 1, 1, "Transpose")
    perm, rank = cast(Shape, attributes["perm"]), len(operand.shape)
    if operand.constant:
        raise refuse("Transpose of an activation", "a constant")
    if sorted(perm) != list(range(rank + 1)) or perm[0] != 0:
        raise refuse(f"Transpose with a perm of 0..{rank} that begins with 0", f"{perm}")
    return tuple(operand.shape[axis - 1] for axis in perm[1:])


def inverse(perm: Shape) -> Shape:
    """Return the permutation that undoes ``perm``."""
    return tuple(perm.index(axis) for axis in range(len(perm)))


def _transpose(inputs: Sequence[Array], attributes: Attributes) -> Array:
    return inputs[0].transpose(cast(Shape, attributes["perm"]))


def _transpose_vjp(
    cotangent: Array, inputs: Sequence[Array], output: Array, attributes: Attributes, index: int
) -> Array:
    return cotangent.transpose(inverse(cast(Shape, attributes["perm"])))


def blocks(op: str, shape: Shape, attributes: Attributes) -> Blocks:
    """Return how DepthToSpace or SpaceToDepth of [C,H,W] goes.

    Args:
        op: The op.
        shape: [C,H,W] of its input.
        attributes: All of its attributes.
    """
    channels, height, width = shape
    side = cast(int, attributes["blocksize"])
    if op == "SpaceToDepth":
        split = (channels, height // side, side, width // side, side)
        whole = (channels * side * side, height // side, width // side)
        return split, (0, 3, 5, 1, 2, 4), whole
    depth = channels // (side * side)
    whole = (depth, height * side, width * side)
    if attributes["mode"] == "DCR":
        return (side, side, depth, height, width), (0, 3, 4, 1, 5, 2), whole
    return (depth, side, side, height, width), (0, 1, 4, 2, 5, 3), whole


def _blocks_infer(op: str, operands: Sequence[Operand], attributes: Attributes) -> Shape:
    (operand,) = take(operands, 1, 1, op)
    if operand.constant or len(operand.shape) != 3:
        raise refuse(f"{op} of an activation [batch, C, H, W]", f"shape {operand.shape}")
    side, (channels, height, width) = cast(int, attributes["blocksize"]), operand.shape
    if side < 1:
        raise refuse(f"{op} with a blocksize of at least 1", f"{side}")
    if attributes.get("mode", "DCR") not in ("DCR", "CRD"):
        raise refuse(f"{op} with mode among: DCR, CRD", f"{attributes['mode']!r}")
    wrong = channels % (side * side) if op == "DepthToSpace" else height % side or width % side
    if wrong:
        raise refuse(f"{op} of a shape that blocks of {side} x {side} divide", f"{operand.shape}")
    return blocks(op, operand.shape, attributes)[2]


def _blocks(op: str, inputs: Sequence[Array], attributes: Attributes) -> Array:
    x = inputs[0]
    split, perm, whole = blocks(op, x.shape[1:], attributes)
    return x.reshape(len(x), *split).transpose(perm).reshape(len(x), *whole)


def _blocks_vjp(
    op: str,
    cotangent: Array,
    inputs: Sequence[Array],
    output: Array,
    attributes: Attributes,
    index: int,
) -> Array:
    shape = inputs[0].shape
    split, perm, _ = blocks(op, shape[1:], attributes)
    moved = np.array((shape[0], *split))[list(perm)]
    return cotangent.reshape(moved).transpose(inverse(perm)).reshape(shape)


def _op(name: str, attributes: Attributes) -> Op:
    return Op(
        partial(_blocks_infer, name), partial(_blocks, name), partial(_blocks_vjp, name), attributes
    )


OPS = {
    "Transpose": Op(_transpose_infer, _transpose, _transpose_vjp, {"perm": ()}),
    "DepthToSpace": _op("DepthToSpace", {"blocksize": 1, "mode": "DCR"}),
    "SpaceToDepth": _op("SpaceToDepth", {"blocksize": 1}),
}
