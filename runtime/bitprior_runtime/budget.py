"""How many bytes a program takes for one image: worked out from shapes, before anything runs.

The numpy engine is the measure: it keeps all values until the gradient is done, and unrolls the
patches of one convolution at a time, a strip of at most STRIP_BYTES. Measured, a gradient takes 1.1
to 1.3 times as much for the priors that come with bitprior: there are cotangents besides values.
All arithmetic is in Python's integers, which are exact.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias, cast

from bitprior_runtime.bundle.limits import BATCH_BYTES
from bitprior_runtime.errors import ProgramError
from bitprior_runtime.ops.convolution import STRIP_BYTES, Geometry
from bitprior_runtime.ops.convolution import geometry as windows_of_convolution
from bitprior_runtime.ops.pooling import geometry as windows_of_pool
from bitprior_runtime.program import Attribute, Node, Program, Shape
from bitprior_runtime.shapes import complete_attributes, infer_shapes

_FLOAT = 4
# Entries of a matrix that resizes, pads or averages along one axis, float64.
_ENTRY = 8
# (shapes of the inputs, shape of the output, attributes) -> bytes
Rule: TypeAlias = Callable[[list[Shape], Shape, Mapping[str, Attribute]], int]


@dataclass(frozen=True)
class Budget:
    """Bytes for one image.

    Attributes:
        values: Inputs and outputs of all nodes in float32, and the matrices that nodes keep.
        scratch: Most that a single node needs besides while it runs.
    """

    values: int
    scratch: int

    @property
    def total(self) -> int:
        """Both together."""
        return self.values + self.scratch


def budget(programs: Iterable[Program]) -> Budget:
    """Add up what programs take that run one after the other.

    Raises:
        ProgramError: One is malformed.
    """
    values = scratch = 0
    for program in programs:
        shapes = infer_shapes(program)
        values += _FLOAT * sum(math.prod(shapes[name]) for name in program.inputs)
        for node in program.nodes:
            values += _FLOAT * math.prod(shapes[node.output]) + _cost(node, shapes, _KEPT)
            scratch = max(scratch, _cost(node, shapes, _SCRATCH))
    return Budget(values, scratch)


def check_budget(programs: Iterable[Program], most: int) -> None:
    """Check that programs take at most so many bytes for one image.

    Raises:
        ProgramError: They take more, or one is malformed.
    """
    found = budget(programs).total
    if found > most:
        raise ProgramError(
            f"programs that take at most {most / 1e6:,.0f} MB for one image",
            f"{found / 1e6:,.0f} MB",
            "use smaller images or fewer channels",
        )


def rows_within(programs: Iterable[Program], most: int = BATCH_BYTES) -> int:
    """Return how many images may go through programs together, at least 1."""
    return max(1, most // max(budget(programs).total, 1))


def _cost(node: Node, shapes: Mapping[str, Shape], rules: Mapping[str, Rule]) -> int:
    rule = rules.get(node.op)
    if rule is None:
        return 0
    inputs = [shapes[name] for name in node.inputs]
    return rule(inputs, shapes[node.output], complete_attributes(node))


def _padded(channels: int, side: Shape, windows: Geometry) -> int:
    """Return bytes of a padded input [channels, H, W]."""
    height, width = (size + windows.pads[i] + windows.pads[i + 2] for i, size in enumerate(side))
    return _FLOAT * channels * height * width


def _row(channels: int, side: Shape, windows: Geometry) -> tuple[int, int]:
    """Return bytes of one row of patches [channels, taps, 1, S], and how many rows there are."""
    taps = windows.kernel[0] * windows.kernel[1]
    rows, columns = windows.patches(*cast(tuple[int, int], side))
    return _FLOAT * channels * taps * columns, rows


def _strips(dense: Shape, outputs: int, windows: Geometry) -> int:
    """Return bytes of the padded input, of patches and of their product, a strip at a time.

    Args:
        dense: [C,H,W] of the side that patches are taken from.
        outputs: Channels of the other side.
        windows: Where the patches lie.
    """
    channels, *side = dense
    row, rows = _row(channels, tuple(side), windows)
    strip = min(rows, max(1, STRIP_BYTES // max(row, 1)))
    _, columns = windows.patches(*cast(tuple[int, int], tuple(side)))
    product = _FLOAT * outputs * columns
    return _padded(channels, tuple(side), windows) + strip * (row + product)


def _convolution(inputs: list[Shape], output: Shape, attributes: Mapping[str, Attribute]) -> int:
    windows = windows_of_convolution(inputs[1], attributes)
    return _strips(inputs[0], output[0], windows)


def _transposed(inputs: list[Shape], output: Shape, attributes: Mapping[str, Attribute]) -> int:
    windows = windows_of_convolution(inputs[1], attributes)
    return _strips(output, inputs[0][0], windows)


def _maxima(inputs: list[Shape], output: Shape, attributes: Mapping[str, Attribute]) -> int:
    """Return bytes of the windows of all pixels, of their shares, and of 64-bit places."""
    windows, channels, side = windows_of_pool(attributes), inputs[0][0], inputs[0][1:]
    row, rows = _row(channels, side, windows)
    return _padded(channels, side, windows) + 2 * row * rows + 8 * math.prod(output)


def _times(factor: int, inputs: list[Shape], output: Shape, _: Mapping[str, Attribute]) -> int:
    return factor * _FLOAT * math.prod(output)


def _matrices(inputs: list[Shape], output: Shape, attributes: Mapping[str, Attribute]) -> int:
    if attributes.get("mode") == "constant":
        return 0
    pairs = zip(inputs[0], output, strict=True)
    return _ENTRY * sum(before * after for before, after in pairs if before != after)


def _half_way(inputs: list[Shape], output: Shape, attributes: Mapping[str, Attribute]) -> int:
    """Return the bytes of what lies between the products along two axes, and of one matrix."""
    largest = max(a * b for a, b in zip(inputs[0], output, strict=True))
    between = max(
        math.prod(output[:axis]) * math.prod(inputs[0][axis:]) for axis in range(len(output) + 1)
    )
    return _FLOAT * (between + largest)


_SCRATCH: Mapping[str, Rule] = {
    "Conv": _convolution,
    "ConvTranspose": _transposed,
    "MaxPool": _maxima,
    "InstanceNormalization": partial(_times, 4),
    "Resize": _half_way,
    "AveragePool": _half_way,
    "Pad": _half_way,
}
_KEPT: Mapping[str, Rule] = {"Resize": _matrices, "AveragePool": _matrices, "Pad": _matrices}
