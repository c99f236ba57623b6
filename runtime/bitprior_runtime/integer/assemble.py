"""Put a program's integer nodes together, and settle how its cotangents meet."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bitprior_runtime.integer.nodes import Made, Tensors, make_node
from bitprior_runtime.integer.plan import (
    ElementwiseNode,
    IntegerNode,
    IntegerProgram,
    IntegerTensor,
    Merge,
)
from bitprior_runtime.integer.real import RealProgram, leader_of
from bitprior_runtime.integer.requantise import merge
from bitprior_runtime.integer.steps import Range


def assemble(
    program: RealProgram, ranges: Mapping[str, Range], bits: int, constant: float
) -> tuple[IntegerProgram, float]:
    """Return the integer program, and the real constant of its input's cotangent.

    Args:
        program: The lowered program.
        ranges: By leader, limits already lowered.
        bits: Of cotangents.
        constant: Real constant of the output's cotangent.

    Raises:
        ProgramError: Numbers of a node do not fit its integers.
    """
    tensors = _tensors(program, ranges)
    made = [make_node(node, tensors, bits) for node in program.nodes]
    constants = {tensors.ids[program.target]: constant}
    nodes = [_settled(one, constants) for one in reversed(made)][::-1]
    source = tensors.ids[program.source]
    whole = IntegerProgram(program.name, tensors.listed, source, tensors.ids[program.target], nodes)
    return whole, constants[source]


def _tensors(program: RealProgram, ranges: Mapping[str, Range]) -> Tensors:
    leader = leader_of(program)
    names = [program.source, *(node.target for node in program.nodes)]
    listed = tuple(
        IntegerTensor(name, program.shapes[name], its.step, its.limit)
        for name, its in ((name, ranges[leader[name]]) for name in names)
    )
    return Tensors(listed, {name: place for place, name in enumerate(names)})


def _settled(made: Made, constants: dict[int, float]) -> IntegerNode:
    """Return the node with its merges; note the constants of its inputs' cotangents."""
    node = made.node
    sources = sources_of(node)
    merges: list[Merge | None] = []
    for source, gain in zip(sources, made.gains, strict=True):
        constant = constants[node.target] * gain
        merges.append(merge(constants[source], constant) if source in constants else None)
        constants.setdefault(source, constant)
    if isinstance(node, ElementwiseNode):
        operands = tuple(
            replace(operand, merge=rule)
            for operand, rule in zip(node.operands, merges, strict=True)
        )
        return replace(node, operands=operands)
    return replace(node, merge=merges[0])


def sources_of(node: IntegerNode) -> Sequence[int]:
    """Return the ids of a node's inputs, in order."""
    if isinstance(node, ElementwiseNode):
        return [operand.source for operand in node.operands]
    return [node.source]
