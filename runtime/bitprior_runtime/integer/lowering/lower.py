"""Lower a program node by node."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from bitprior_runtime.errors import ProgramError
from bitprior_runtime.integer.lowering import arrangement, elementwise, functions, linear
from bitprior_runtime.integer.lowering.call import Call, Rule
from bitprior_runtime.integer.real import RealElementwise, RealNode, RealProgram, Term, leader_of
from bitprior_runtime.program import Node, Program, Shape
from bitprior_runtime.shapes import complete_attributes, infer_shapes

LOWERINGS: Mapping[str, Rule] = {
    **arrangement.RULES,
    **elementwise.RULES,
    **functions.RULES,
    **linear.RULES,
}


def lower(program: Program, weight_bits: int, apart: bool = True) -> RealProgram:
    """Return a program in the forms that have integer counterparts.

    Args:
        program: The program.
        weight_bits: Of the integers that stand for float weights.
        apart: Give an output that is the moved input a step of its own, with a node.

    Raises:
        ProgramError: It is malformed, has several inputs, or an op without an integer form.
    """
    shapes = infer_shapes(program)
    if len(program.inputs) != 1:
        raise ProgramError(
            f"one input of program {program.name!r} for the integer engine",
            f"{len(program.inputs)}",
            "use the float engine",
        )
    (source,) = program.inputs
    held: dict[str, str] = {source: source}
    nodes: list[RealNode] = []
    for node in program.nodes:
        sources = tuple(held[name] for name in node.inputs if name not in program.tensors)
        attributes = complete_attributes(node)
        call = Call(node, attributes, program.tensors, shapes, sources, weight_bits)
        lowered = _rule(node)(call)
        if isinstance(lowered, str):
            held[node.output] = lowered
        else:
            held[node.output] = node.output
            nodes += lowered
    target = held[program.output]
    lowered_program = RealProgram(
        name=program.name,
        source=source,
        target=target,
        nodes=_needed(nodes, target),
        shapes={**_shapes_of(nodes, shapes), target: shapes[program.output]},
        aliases={
            holder: tuple(name for name, where in held.items() if where == holder)
            for holder in held.values()
        },
    )
    return _apart(lowered_program, program.output) if apart else lowered_program


def _apart(program: RealProgram, output: str) -> RealProgram:
    """Return the program with a step of its own for the output, if it is the moved input."""
    leader = leader_of(program)
    if leader[program.target] != leader[program.source]:
        return program
    target, one = f"{output}#apart", np.ones(1)
    node = RealElementwise(target, (Term(program.target, one, one),), target, np.zeros(1), 1)
    return replace(
        program,
        target=target,
        nodes=[*program.nodes, node],
        shapes={**program.shapes, target: program.shapes[program.target]},
        aliases={**program.aliases, target: (output,)},
    )


def _rule(node: Node) -> Rule:
    if node.op not in LOWERINGS:
        raise ProgramError(
            f"ops with an integer form ({', '.join(sorted(LOWERINGS))})",
            f"{node.op!r} at {node.output!r}",
            "use the float engine",
        )
    return LOWERINGS[node.op]


def _needed(nodes: list[RealNode], target: str) -> list[RealNode]:
    """Return the nodes on which the output depends."""
    wanted = {target}
    kept: list[RealNode] = []
    for node in reversed(nodes):
        if node.target in wanted:
            wanted.update(node.sources)
            kept.append(node)
    return kept[::-1]


def _shapes_of(nodes: list[RealNode], shapes: Mapping[str, Shape]) -> dict[str, Shape]:
    """Add the shapes of tensors that lowering made up: their nodes make them flat."""
    found = dict(shapes)
    for node in nodes:
        if node.target not in found:
            found[node.target] = shapes[node.target.split("#")[0]]
    return found
