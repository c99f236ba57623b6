"""Concat and Slice: each part's cotangent goes back to where the part came from."""

from collections.abc import Mapping
from typing import cast

from bitprior_export.graphs.adjoint.call import Call, Rule
from bitprior_runtime.ops.joining import kept
from bitprior_runtime.shapes import complete_attributes


def _concat(call: Call) -> str:
    builder, axis = call.builder, cast(int, call.attribute("axis"))
    sizes = [call.shape(index)[axis - 1] for index in range(call.index + 1)]
    starts = builder.integers([sum(sizes[:-1])], "starts")
    ends = builder.integers([sum(sizes)], "ends")
    return builder.add("Slice", [call.cotangent, starts, ends, builder.integers([axis], "axes")])


def _slice(call: Call) -> str:
    value = call.cotangent
    for axis, positions in kept(call.shape(0), complete_attributes(call.node)).items():
        size = call.shape(0)[axis - 1]
        if positions.step == 1:
            value = _pad(call, value, axis, positions.start, size - positions.stop)
        else:
            value = _spread(call, value, axis, positions)
    return value


def _pad(call: Call, value: str, axis: int, before: int, after: int) -> str:
    """Add so many zeros before and after along an axis."""
    pads = [0] * (2 * len(call.shape(0)) + 2)
    pads[axis], pads[len(pads) // 2 + axis] = before, after
    return call.builder.add("Pad", [value, call.builder.integers(pads, "pads")])


def _spread(call: Call, value: str, axis: int, positions: range) -> str:
    """Gather each position from where it went; those left out, from a zero added at the end."""
    padded = _pad(call, value, axis, 0, 1)
    size, count = call.shape(0)[axis - 1], len(positions)
    sources = [positions.index(i) if i in positions else count for i in range(size)]
    return call.builder.add(
        "Gather", [padded, call.builder.integers(sources, "sources")], axis=axis
    )


RULES: Mapping[str, Rule] = {"Concat": _concat, "Slice": _slice}
