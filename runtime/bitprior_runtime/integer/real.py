"""A program in the few real-valued forms that have an integer counterpart."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.integer.plan import Kind
from bitprior_runtime.ops.convolution import Geometry
from bitprior_runtime.program import Shape

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Weight:
    """Integers with a real scale a channel: w = scale * integers, see ``LinearNode``."""

    integers: NDArray[np.int8] | NDArray[np.int16]
    bits: int
    code_multiplier: int
    code_offset: int
    scale: Floats


@dataclass(frozen=True, eq=False)
class RealLinear:
    """target = act(scale * (weight of integers applied to source) + bias), act(v<0) = slope v."""

    kind: Kind
    name: str
    source: str
    target: str
    weight: Weight
    bias: Floats
    geometry: Geometry | None
    source_shape: Shape
    target_shape: Shape
    inner: int
    slope: float = 1.0

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the inputs."""
        return (self.source,)


@dataclass(frozen=True, eq=False)
class Term:
    """positive * source where source > 0, negative * source elsewhere; [channels] each."""

    source: str
    positive: Floats
    negative: Floats


@dataclass(frozen=True, eq=False)
class RealElementwise:
    """target = clip(sum of terms + offset, low, high); channel of e: (e // inner) % channels."""

    name: str
    terms: tuple[Term, ...]
    target: str
    offset: Floats
    inner: int
    low: float = -math.inf
    high: float = math.inf

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the inputs."""
        return tuple(term.source for term in self.terms)

    @property
    def affine(self) -> bool:
        """Whether it is factor * source + offset."""
        (first, *rest) = self.terms
        linear = np.array_equal(first.positive, first.negative)
        return not rest and linear and self.low == -math.inf and self.high == math.inf


@dataclass(frozen=True, eq=False)
class RealGather:
    """target[e] = factor[e] * sum over t of source[index[e, t]], -1 being a zero.

    Attributes:
        factor: [1] or [elements]; None: there is one tap, and the target has the source's step.
    """

    name: str
    source: str
    target: str
    index: NDArray[np.int32]
    factor: Floats | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the inputs."""
        return (self.source,)


@dataclass(frozen=True, eq=False)
class RealTable:
    """target = gain * function(source) + offset."""

    name: str
    source: str
    target: str
    function: str
    alpha: float
    gain: float = 1.0
    offset: float = 0.0

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the inputs."""
        return (self.source,)


RealNode: TypeAlias = RealLinear | RealElementwise | RealGather | RealTable


@dataclass(frozen=True, eq=False)
class RealProgram:
    """A lowered program; tensors that only differ in shape are one.

    Attributes:
        name: ``"generator"`` or ``"sensing"``.
        source: Its input.
        target: Its output.
        nodes: In execution order.
        shapes: Of all tensors, without the batch axis.
        aliases: Names of the program's tensors by the lowered tensor that holds their values.
    """

    name: str
    source: str
    target: str
    nodes: Sequence[RealNode]
    shapes: dict[str, Shape]
    aliases: dict[str, tuple[str, ...]]


def leader_of(program: RealProgram) -> dict[str, str]:
    """Return, for every tensor, the tensor whose step it shares: moved elements keep theirs."""
    leader = {program.source: program.source}
    for node in program.nodes:
        keeps = isinstance(node, RealGather) and node.factor is None
        leader[node.target] = leader[node.sources[0]] if keeps else node.target
    return leader
