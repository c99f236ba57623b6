"""Integer nodes from real ones, once every tensor has a step and a limit."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bitprior_runtime.integer.limits import INT32_MAX, cotangent_limit, integer_bias, slope_scale
from bitprior_runtime.integer.plan import (
    NO_GATE,
    ElementwiseNode,
    GatherNode,
    IntegerNode,
    IntegerTensor,
    LinearNode,
    Operand,
    TableNode,
)
from bitprior_runtime.integer.real import (
    Floats,
    RealElementwise,
    RealGather,
    RealLinear,
    RealNode,
    RealTable,
)
from bitprior_runtime.integer.requantise import common_shift, encode, out_of_range, slopes
from bitprior_runtime.integer.tables import tabulate

# Cotangents of up to 31 bits times UNIT, this many of them added up, stay below 2^62.
MAX_READERS = 1 << 16


@dataclass(frozen=True, eq=False)
class Tensors:
    """The integer tensors of a program, by name and by id."""

    listed: tuple[IntegerTensor, ...]
    ids: Mapping[str, int]

    def __getitem__(self, name: str) -> IntegerTensor:
        return self.listed[self.ids[name]]


@dataclass(frozen=True, eq=False)
class Made:
    """An integer node, and what its adjoint does to the constants of cotangents.

    Attributes:
        node: The node; its merges are not known yet.
        gains: Of each input: constant of the input's cotangent / constant of the output's.
    """

    node: IntegerNode
    gains: tuple[float, ...]


def make_node(node: RealNode, tensors: Tensors, bits: int) -> Made:
    """Return the integer node of a real one.

    Args:
        node: The real node.
        tensors: Steps, limits and ids.
        bits: Of cotangents.

    Raises:
        ProgramError: Its numbers do not fit; the node is named.
    """
    if isinstance(node, RealLinear):
        return _linear(node, tensors, bits)
    if isinstance(node, RealElementwise):
        return _elementwise(node, tensors)
    if isinstance(node, RealGather):
        return _gather(node, tensors)
    return _table(node, tensors)


def _linear(node: RealLinear, tensors: Tensors, bits: int) -> Made:
    source, target = tensors[node.source], tensors[node.target]
    weight = node.weight
    factors = source.step * weight.scale / target.step
    scale = slope_scale(node)
    slope_positive, slope_negative, gain = slopes(scale, scale * node.slope)
    made = LinearNode(
        kind=node.kind,
        name=node.name,
        source=tensors.ids[node.source],
        target=tensors.ids[node.target],
        weight=weight.integers,
        bits=weight.bits,
        code_multiplier=weight.code_multiplier,
        code_offset=weight.code_offset,
        geometry=node.geometry,
        source_shape=node.source_shape,
        target_shape=node.target_shape,
        bias=integer_bias(node, source.step).astype(np.int32),
        channels=len(node.bias),
        inner=node.inner,
        positive=encode(factors, node.name),
        negative=encode(factors * node.slope, node.name),
        slope_positive=slope_positive,
        slope_negative=slope_negative,
        cotangent_limit=cotangent_limit(node, bits),
    )
    return Made(made, (gain,))


def _elementwise(node: RealElementwise, tensors: Tensors) -> Made:
    target = tensors[node.target]
    steps = [tensors[term.source].step / target.step for term in node.terms]
    factors = [
        (term.positive * step, term.negative * step)
        for term, step in zip(node.terms, steps, strict=True)
    ]
    offset = node.offset / target.step
    largest = max(float(np.abs(half).max()) for pair in factors for half in pair)
    shift = common_shift(largest, float(np.abs(offset).max()), node.name)
    pairs = [slopes(term.positive, term.negative) for term in node.terms]
    low, low_gate = _bound(node.low, target)
    high, high_gate = _bound(node.high, target)
    made = ElementwiseNode(
        name=node.name,
        operands=tuple(
            Operand(
                source=tensors.ids[term.source],
                positive=_fixed(positive, shift),
                negative=_fixed(negative, shift),
                slope_positive=up,
                slope_negative=down,
                normalise=bool(max(np.abs(up).max(), np.abs(down).max()) > 1),
            )
            for term, (positive, negative), (up, down, _) in zip(
                node.terms, factors, pairs, strict=True
            )
        ),
        target=tensors.ids[node.target],
        offset=np.rint(np.ldexp(offset, shift)).astype(np.int64),
        shift=shift,
        channels=len(offset),
        inner=node.inner,
        low=low,
        high=high,
        gate=(low_gate, high_gate),
    )
    return Made(made, tuple(gain for _, _, gain in pairs))


def _fixed(factors: Floats, shift: int) -> "np.typing.NDArray[np.int32]":
    return np.rint(np.ldexp(factors, shift)).astype(np.int32)


def _bound(bound: float, target: IntegerTensor) -> tuple[int, int]:
    """Return a bound of a clip in steps, and its gate: none where the tensor's range ends first."""
    upper = bound > 0
    limit = target.limit if upper else -target.limit
    if math.fabs(bound) >= target.limit * target.step:
        return limit, NO_GATE[upper]
    steps = round(bound / target.step)
    return steps, steps


def _gather(node: RealGather, tensors: Tensors) -> Made:
    source, target = tensors[node.source], tensors[node.target]
    used = node.index[node.index >= 0]
    readers = int(np.bincount(used, minlength=1).max())
    if readers > MAX_READERS:
        raise out_of_range(node.name, f"an element read {readers} times")
    taps = node.index.shape[1]
    if taps * source.limit > INT32_MAX:
        raise out_of_range(node.name, f"a sum of {taps} activations of up to {source.limit}")
    requantiser, slope, gain = None, None, 1.0
    if node.factor is not None:
        requantiser = encode(node.factor * (source.step / target.step), node.name)
        slope, _, gain = slopes(node.factor, node.factor)
    made = GatherNode(
        name=node.name,
        source=tensors.ids[node.source],
        target=tensors.ids[node.target],
        index=node.index,
        requantiser=requantiser,
        slope=slope,
        normalise=readers > 1 or (slope is not None and int(np.abs(slope).max()) > 1),
    )
    return Made(made, (gain,))


def _table(node: RealTable, tensors: Tensors) -> Made:
    source, target = tensors[node.source], tensors[node.target]
    table = tabulate(
        node.function, node.alpha, node.gain, node.offset, source.step, target.step, target.limit
    )
    made = TableNode(
        name=node.name,
        source=tensors.ids[node.source],
        target=tensors.ids[node.target],
        values=table.values,
        slopes=table.slopes,
    )
    return Made(made, (table.slope_unit,))
