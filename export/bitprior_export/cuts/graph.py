"""A program as a graph: who writes a tensor, what is still needed, and skips drawn apart."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from bitprior_runtime.program import Node, Program


def activations(program: Program, node: Node) -> tuple[str, ...]:
    """Return those inputs of ``node`` that are not constants."""
    return tuple(name for name in node.inputs if name not in program.tensors)


def pruned(program: Program, nodes: Sequence[Node]) -> Program:
    """Return ``program`` with those of ``nodes`` that its output needs, and their constants."""
    needed, kept = {program.output}, []
    for node in reversed(nodes):
        if node.output in needed:
            needed.update(node.inputs)
            kept.append(node)
    tensors = {name: tensor for name, tensor in program.tensors.items() if name in needed}
    return replace(program, nodes=tuple(reversed(kept)), tensors=tensors)


def reads(program: Program) -> Counter[str]:
    """Return how often each tensor is read; the output counts as read."""
    return Counter([program.output, *(name for node in program.nodes for name in node.inputs)])


def fresh(program: Program, wish: str) -> str:
    """Return a name that no tensor of ``program`` has."""
    taken = {*program.inputs, *program.tensors, *(node.output for node in program.nodes)}
    return next(
        name
        for name in (wish, *(f"{wish}_{count}" for count in range(2, len(taken) + 3)))
        if name not in taken
    )


def spread_resizes(program: Program) -> Program:
    """Return an equal program in which nearest Resizes come before Concats, not after.

    Resize(Concat(a, b)) becomes Concat(Resize(a), Resize(b)): nearest neighbours are copies, so not
    one bit changes. A skip that was joined before the Resize is then a path of its own up to
    where it is used.
    """
    result = pruned(program, program.nodes)
    concats: dict[str, Node] = {}
    nodes: list[Node] = []
    for node in result.nodes:
        joined = concats.get(node.inputs[0])
        if joined is not None and _copies(node):
            parts = []
            for index, name in enumerate(joined.inputs):
                part = fresh(replace(result, nodes=nodes), f"{node.output}.part{index}")
                nodes.append(replace(node, inputs=(name, *node.inputs[1:]), output=part))
                parts.append(part)
            node = replace(joined, inputs=tuple(parts), output=node.output)
        if node.op == "Concat" and node.attributes.get("axis", 1) == 1:
            concats[node.output] = node
        nodes.append(node)
    return pruned(result, nodes)


def _copies(node: Node) -> bool:
    return node.op == "Resize" and node.attributes.get("mode", "nearest") == "nearest"
