"""Walk a program backwards."""

from collections.abc import Mapping

from bitprior_export.graphs.adjoint import (
    activations,
    elementwise,
    functions,
    joining,
    linear,
    normalisation,
    rearranging,
    reduction,
    separable,
)
from bitprior_export.graphs.adjoint.call import Call, Rule
from bitprior_export.graphs.builder import GraphBuilder
from bitprior_export.graphs.forward import Emitted

RULES: Mapping[str, Rule] = {
    **activations.RULES,
    **elementwise.RULES,
    **functions.RULES,
    **joining.RULES,
    **linear.RULES,
    **normalisation.RULES,
    **rearranging.RULES,
    **reduction.RULES,
    **separable.RULES,
}


def emit_adjoint(builder: GraphBuilder, emitted: Emitted, cotangent: str) -> str:
    """Add the reverse pass of a program.

    Args:
        builder: Where the nodes go.
        emitted: The program's forward pass in the same graph.
        cotangent: Name of the cotangent of its output.

    Returns:
        Name of the cotangent of its input.
    """
    program = emitted.program
    (entry,) = program.inputs
    cotangents = {program.output: cotangent}
    for node in reversed(program.nodes):
        flowing = cotangents.pop(node.output, None)
        if flowing is None:
            continue
        for index, name in enumerate(node.inputs):
            if name in program.tensors:
                continue
            term = RULES[node.op](Call(builder, emitted, node, index, flowing))
            known = cotangents.get(name)
            cotangents[name] = builder.add("Add", [known, term]) if known else term
    return cotangents[entry]
