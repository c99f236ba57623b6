"""Run an integer program backward over what its forward pass left."""

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.integer.forward import Activations, Forward, spread
from bitprior_runtime.integer.normalise import Cotangent, merged, normalise
from bitprior_runtime.integer.plan import (
    COTANGENT_MAX,
    ElementwiseNode,
    GatherNode,
    IntegerNode,
    LinearNode,
    Merge,
    TableNode,
)
from bitprior_runtime.integer.tables import look_up

Int64s = NDArray[np.int64]


class Adjoint:
    """The adjoint of an integer program.

    Args:
        forward: The program, ready to run.
    """

    def __init__(self, forward: Forward) -> None:
        self._forward = forward
        self._program = forward.program

    def run(self, kept: Activations, cotangent: Cotangent) -> Cotangent:
        """Return the cotangent of the input.

        Args:
            kept: What the forward pass left.
            cotangent: Of the output, below 2^31 in magnitude.
        """
        found = {self._program.target: cotangent}
        for node in reversed(self._program.nodes):
            flowing = found.pop(node.target)
            for source, term, rule in self._node(node, kept, flowing):
                found[source] = merged(found[source], term, rule) if rule is not None else term
        return found[self._program.source]

    def _node(
        self, node: IntegerNode, kept: Activations, c: Cotangent
    ) -> list[tuple[int, Cotangent, Merge | None]]:
        if isinstance(node, ElementwiseNode):
            return _elementwise(node, kept, c)
        if isinstance(node, LinearNode):
            term = self._linear(node, kept, c)
        elif isinstance(node, GatherNode):
            term = _gather(node, self._program.tensors[node.source].size, c)
        else:
            term = _table(node, kept, c)
        return [(node.source, term, node.merge)]

    def _linear(self, node: LinearNode, kept: Activations, c: Cotangent) -> Cotangent:
        size = c.mantissa.shape[1]
        slope = np.where(
            kept.positive[node.target],
            spread(node.slope_positive, size, node.inner),
            spread(node.slope_negative, size, node.inner),
        )
        short = normalise(Cotangent(c.mantissa * slope, c.exponent), node.cotangent_limit)
        sums = self._forward.products[node.target].adjoint(short.mantissa)
        return Cotangent(sums, short.exponent)


def _elementwise(
    node: ElementwiseNode, kept: Activations, c: Cotangent
) -> list[tuple[int, Cotangent, Merge | None]]:
    output = kept.values[node.target]
    size = output.shape[1]
    open_ = (output > node.gate[0]) & (output < node.gate[1])
    passed = np.where(open_, c.mantissa, 0)
    terms = []
    for operand in node.operands:
        slope = np.where(
            kept.values[operand.source] > 0,
            spread(operand.slope_positive, size, node.inner),
            spread(operand.slope_negative, size, node.inner),
        )
        term = Cotangent(passed * slope, c.exponent)
        if operand.normalise:
            term = normalise(term, COTANGENT_MAX)
        terms.append((operand.source, term, operand.merge))
    return terms


def _gather(node: GatherNode, size: int, c: Cotangent) -> Cotangent:
    value = c.mantissa if node.slope is None else c.mantissa * spread(node.slope, len(node.index))
    rows = np.zeros((size + 1, len(value)), np.int64)  # what index -1 took ends in the last place
    for tap in node.index.T:
        np.add.at(rows, tap.astype(np.int64), value.T)
    term = Cotangent(rows[:size].T, c.exponent)
    return normalise(term, COTANGENT_MAX) if node.normalise else term


def _table(node: TableNode, kept: Activations, c: Cotangent) -> Cotangent:
    slope = look_up(node.slopes, kept.values[node.source])
    return normalise(Cotangent(c.mantissa * slope, c.exponent), COTANGENT_MAX)
