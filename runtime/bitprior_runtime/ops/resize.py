"""Resize over the two spatial axes: nearest neighbour and (bi)linear interpolation."""

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import cast

import numpy as np

from bitprior_runtime.ops import separable
from bitprior_runtime.ops.base import Array, Attributes, Op, Operand, refuse, take
from bitprior_runtime.program import Attribute, Shape

_DEFAULTS: dict[str, Attribute] = {
    # ONNX gives sizes or scales of all axes as a tensor; a program, (H, W) as an attribute.
    "sizes": (),
    "mode": "nearest",
    "coordinate_transformation_mode": "half_pixel",
    "nearest_mode": "round_prefer_floor",
}
_CHOICES = {
    "mode": ("nearest", "linear"),
    "coordinate_transformation_mode": (
        "half_pixel",
        "pytorch_half_pixel",
        "asymmetric",
        "align_corners",
    ),
    "nearest_mode": ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"),
}
_SPATIAL = (2, 3)
# No picture is made from, or told by, less than a pixel for so many.
MAX_RATIO = 256


def _infer(operands: Sequence[Operand], attributes: Attributes) -> Shape:
    (operand,) = take(operands, 1, 1, "Resize")
    sizes = cast(Shape, attributes["sizes"])
    if operand.constant or len(operand.shape) != 3:
        raise refuse("Resize of an activation [batch, C, H, W]", f"shape {operand.shape}")
    if len(sizes) != 2 or min(sizes) < 1:
        raise refuse("Resize with 2 sizes of at least 1", f"{sizes}")
    for name, choices in _CHOICES.items():
        if attributes[name] not in choices:
            raise refuse(f"Resize with {name} among: {', '.join(choices)}", f"{attributes[name]!r}")
    separable.check_sizes("Resize", (*operand.shape[1:], *sizes))
    for side, size in zip(operand.shape[1:], sizes, strict=True):
        if not side <= size * MAX_RATIO or not size <= side * MAX_RATIO:
            raise refuse(f"Resize by a factor of at most {MAX_RATIO}", f"{side} to {size}")
    return (operand.shape[0], *sizes)


def matrices(shape: Shape, attributes: Attributes) -> separable.Matrices:
    """Return the interpolation matrices of the two spatial axes.

    Args:
        shape: [C,H,W] of the input.
        attributes: All of the op's attributes.
    """
    wanted = cast(Shape, attributes["sizes"])
    how = tuple(cast(str, attributes[name]) for name in _CHOICES)
    return {
        axis: interpolation(size, target, *how)
        for axis, size, target in zip(_SPATIAL, shape[1:], wanted, strict=True)
    }


@lru_cache(maxsize=16)
def interpolation(size: int, wanted: int, mode: str, transformation: str, rounding: str) -> Array:
    """Return the matrix [wanted, size] that resizes a line of ``size`` values.

    Row i holds the weights of the inputs around the position x(i) that ``transformation`` (ONNX's
    coordinate_transformation_mode) gives output i: for ``linear`` 1 - f and f of the neighbours
    at distances f and 1 - f; for ``nearest`` a single 1. Positions outside are moved to the edge.
    """
    positions = _positions(size, wanted, transformation)
    rows = np.arange(wanted)
    matrix = np.zeros((wanted, size))
    if mode == "nearest":
        matrix[rows, np.clip(_rounded(positions, rounding), 0, size - 1)] = 1
    else:
        inside = np.clip(positions, 0, size - 1).astype(np.float64)
        low = np.floor(inside).astype(np.int64)
        matrix[rows, low] = 1 - (inside - low)
        matrix[rows, np.minimum(low + 1, size - 1)] += inside - low
    matrix.flags.writeable = False
    return matrix


def _positions(size: int, wanted: int, transformation: str) -> Array:
    """Return the position in the input of each output, in float32.

    Where a position falls on the border between two pixels, its rounding error decides which is
    the nearest: so it is worked out in the precision and the order of onnxruntime.
    """
    index = np.arange(wanted, dtype=np.float32)
    scale = np.float32(wanted) / np.float32(size)
    half = np.float32(0.5)
    if transformation == "asymmetric":
        found = index / scale
    elif transformation == "align_corners":
        found = index * np.float32(size - 1) / np.float32(max(wanted - 1, 1))
    elif transformation == "pytorch_half_pixel" and wanted == 1:
        found = index
    else:
        found = (index + half) / scale - half
    return cast(Array, found)


def _rounded(positions: Array, rounding: str) -> Array:
    half = np.float32(0.5)
    found = {
        "round_prefer_floor": np.ceil(positions - half),
        "round_prefer_ceil": np.floor(positions + half),
        "floor": np.floor(positions),
        "ceil": np.ceil(positions),
    }[rounding]
    return found.astype(np.int64)


OPS = {
    "Resize": Op(
        _infer, partial(separable.forward, matrices), separable.vjp_of(matrices), _DEFAULTS
    )
}
