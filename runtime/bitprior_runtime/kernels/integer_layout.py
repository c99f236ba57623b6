"""How activations lie in the native integer kernels: images channels-last, the rest flat."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import ProgramError
from bitprior_runtime.integer.assemble import sources_of
from bitprior_runtime.integer.plan import (
    ElementwiseNode,
    IntegerProgram,
    Kind,
    LinearNode,
    TableNode,
)
from bitprior_runtime.program import Shape

Order = NDArray[np.int32]
# Short arrays are repeated to about this length: a kernel's call has its price.
_LONG = 512


@dataclass(frozen=True, eq=False)
class Layout:
    """Where the elements of each tensor of a program lie.

    Attributes:
        orders: By tensor id: element ``order[i]`` of the plan lies at place i. Tensors that lie as
            in the plan are missing.
    """

    orders: Mapping[int, Order]

    def order(self, tensor: int) -> Order | None:
        """Return the order of a tensor; None: as in the plan."""
        return self.orders.get(tensor)

    def places(self, tensor: int, size: int) -> Order:
        """Return, for each element of the plan, its place."""
        order = self.order(tensor)
        places = np.arange(size, dtype=np.int32)
        if order is not None:
            places[order] = np.arange(size, dtype=np.int32)
        return places


def lay_out(program: IntegerProgram) -> Layout:
    """Choose the layout of every tensor: images channels-last, and what meets them likewise.

    Raises:
        ProgramError: Convolutions read one tensor as images of different shapes.
    """
    alike = _alike(program)
    shapes: dict[int, Shape] = {}
    for node in program.nodes:
        for tensor, shape in _images(node):
            if shapes.setdefault(alike[tensor], shape) != shape:
                raise unsupported(
                    "a tensor that all convolutions read as images of one shape",
                    f"{shapes[alike[tensor]]} and {shape} at {program.tensors[tensor].name!r}",
                )
    orders = {first: _last(shape) for first, shape in shapes.items() if _is_image(shape)}
    return Layout({tensor: orders[first] for tensor, first in enumerate(alike) if first in orders})


def _alike(program: IntegerProgram) -> list[int]:
    """Return, for each tensor, the first of those that must lie in the same order."""
    first = list(range(len(program.tensors)))
    for node in program.nodes:
        if isinstance(node, TableNode | ElementwiseNode):
            tied = {first[node.target], *(first[source] for source in sources_of(node))}
            first = [min(tied) if one in tied else one for one in first]
    return first


def unsupported(expected: str, found: str) -> ProgramError:
    """Make the error of a plan that the native kernels cannot run."""
    return ProgramError(expected, found, "use kernel='numpy'")


def by_period(
    values: Mapping[str, NDArray[Any]], size: int, inner: int, order: Order | None
) -> tuple[dict[str, NDArray[Any]], int]:
    """Return arrays of channels as they lie in a row, and after how many elements they repeat.

    Args:
        values: Arrays of one length, [channels].
        size: Elements of the row; the channel of element e is (e // inner) % channels.
        inner: See ``size``.
        order: Order of the row.
    """
    channels = len(next(iter(values.values())))
    channel = (np.arange(size) // inner) % channels
    if order is not None:
        channel = channel[order]
    period = _period(channel, channels)
    return {
        name: np.ascontiguousarray(value[channel[:period]]) for name, value in values.items()
    }, period


def _period(channel: NDArray[np.int64], channels: int) -> int:
    size = len(channel)
    if size % channels or not (channel.reshape(-1, channels) == channel[:channels]).all():
        return size
    repeats = size // channels
    return channels * next(
        times
        for times in range(1, repeats + 1)
        if repeats % times == 0 and (times * channels >= _LONG or times == repeats)
    )


def _images(node: object) -> Iterator[tuple[int, Shape]]:
    if isinstance(node, LinearNode) and node.kind is not Kind.DENSE:
        yield node.source, node.source_shape
        yield node.target, node.target_shape


def _is_image(shape: Shape) -> bool:
    return shape[0] > 1 and shape[1] * shape[2] > 1


def _last(shape: Shape) -> Order:
    """Return the plan's element at each place of an image that lies channels-last."""
    elements = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    return np.ascontiguousarray(elements.transpose(1, 2, 0)).reshape(-1)
