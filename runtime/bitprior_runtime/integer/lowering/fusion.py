"""Join nodes whose composition has one integer form: fewer roundings, fewer passes."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from bitprior_runtime.integer.real import (
    RealElementwise,
    RealLinear,
    RealNode,
    RealProgram,
    RealTable,
    Term,
)


def fuse(program: RealProgram) -> RealProgram:
    """Return the program with every node joined to the one before it that can take it up.

    A linear node takes up Relu and LeakyRelu; a table, and an affine map, take up affine maps
    with one factor and one offset. Only a node that nobody else reads takes up its reader.
    """
    readers = Counter(name for node in program.nodes for name in node.sources)
    readers[program.target] += 1
    nodes: list[RealNode] = []
    writers: dict[str, int] = {}
    for node in program.nodes:
        place = writers.get(node.sources[0])
        joined = None
        if place is not None and readers[node.sources[0]] == 1:
            joined = _join(nodes[place], node)
        if place is None or joined is None:
            writers[node.target] = len(nodes)
            nodes.append(node)
        else:
            nodes[place] = joined
            writers[node.target] = place
    return replace(program, nodes=nodes)


def _join(first: RealNode, second: RealNode) -> RealNode | None:
    if not isinstance(second, RealElementwise) or len(second.terms) != 1:
        return None
    for rule in _RULES:
        joined = rule(first, second)
        if joined is not None:
            return joined
    return None


def _activated(first: RealNode, second: RealElementwise) -> RealNode | None:
    (term,) = second.terms
    plain = second.low == -np.inf and second.high == np.inf and not second.offset.any()
    if not isinstance(first, RealLinear) or first.slope != 1.0 or not plain:
        return None
    if len(second.offset) != 1 or term.positive[0] != 1.0 or term.negative[0] < 0:
        return None
    slope = float(term.negative[0])
    return replace(first, target=second.target, name=second.name, slope=slope)


def _tabulated(first: RealNode, second: RealElementwise) -> RealNode | None:
    if not isinstance(first, RealTable) or not _uniform(second):
        return None
    factor = float(second.terms[0].positive[0])
    return replace(
        first,
        target=second.target,
        name=second.name,
        gain=first.gain * factor,
        offset=first.offset * factor + float(second.offset[0]),
    )


def _composed(first: RealNode, second: RealElementwise) -> RealNode | None:
    if not isinstance(first, RealElementwise) or not first.affine or not _uniform(second):
        return None
    factor = second.terms[0].positive[0]
    both = first.terms[0].positive * factor
    return replace(
        first,
        target=second.target,
        name=second.name,
        terms=(Term(first.terms[0].source, both, both),),
        offset=first.offset * factor + second.offset[0],
    )


def _uniform(node: RealElementwise) -> bool:
    return node.affine and len(node.offset) == 1


_RULES: tuple[Callable[[RealNode, RealElementwise], RealNode | None], ...] = (
    _activated,
    _tabulated,
    _composed,
)
