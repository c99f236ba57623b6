"""Functions of one activation, value by value, as nodes of the native float runner."""

from collections.abc import Mapping
from typing import cast

import numpy as np

from bitprior_runtime.kernels.float_scope import Scope
from bitprior_runtime.kernels.structures import Function, Op
from bitprior_runtime.program import Attribute, Node

FUNCTIONS = {
    "Relu": Function.RELU,
    "LeakyRelu": Function.LEAKY_RELU,
    "Elu": Function.ELU,
    "Tanh": Function.TANH,
    "Sigmoid": Function.SIGMOID,
    "Softplus": Function.SOFTPLUS,
    "Abs": Function.ABS,
    "Clip": Function.CLIP,
    "Exp": Function.EXP,
    "Log": Function.LOG,
    "Sqrt": Function.SQRT,
    "HardSigmoid": Function.HARD_SIGMOID,
    "HardSwish": Function.HARD_SWISH,
}
# Functions whose slope needs the input; the others' can be told from the output alone, so they may
# overwrite what they read.
_FROM_INPUT = ("Abs", "Clip", "Log", "HardSwish")


def function(scope: Scope, node: Node, attributes: Mapping[str, Attribute]) -> None:
    """Compile a function, over the value it reads where nobody else needs that."""
    alpha, beta = _parameters(node.op, attributes)
    source = scope.values[node.inputs[0]]
    in_place = node.op not in _FROM_INPUT and alpha >= 0 and _written_for(scope, node)
    if in_place:
        scope.values[node.output] = source
        made = scope.plan.nodes[-1]
    else:
        made = scope.new(node, Op.APPLY)
    made.function = FUNCTIONS[node.op]
    made.alpha, made.beta = alpha, beta


def _parameters(op: str, attributes: Mapping[str, Attribute]) -> tuple[float, float]:
    """Return alpha and beta of a function, 0 where it has none."""
    if op == "HardSwish":
        return 1 / 6, 0.5
    names = ("min", "max") if op == "Clip" else ("alpha", "beta")
    alpha, beta = (cast(float, attributes.get(name, 0.0)) for name in names)
    return alpha, beta


def _written_for(scope: Scope, node: Node) -> bool:
    """Whether the value ``node`` reads was written by the node just before, for it alone."""
    (name,) = node.inputs
    readers = [other for other in scope.program.nodes if name in other.inputs]
    before = scope.plan.nodes[-1] if scope.plan.nodes else None
    return (
        len(readers) == 1
        and name != scope.program.output
        and name not in scope.program.inputs
        and before is not None
        and before.output == scope.values[name]
        and before.function == Function.NONE
        # The value must have this one name: a Reshape of it may have readers of its own.
        and list(scope.values.values()).count(before.output) == 1
    )


def negative(scope: Scope, node: Node, attributes: Mapping[str, Attribute]) -> None:
    """Compile -x."""
    made = scope.new(node, Op.AFFINE)
    made.factor = scope.plan.floats(np.full(scope.shapes[node.output], -1.0))


def selu(scope: Scope, node: Node, attributes: Mapping[str, Attribute]) -> None:
    """Compile gamma * Elu(x)."""
    elu = scope.new(node, Op.APPLY)
    elu.function, elu.alpha = Function.ELU, cast(float, attributes["alpha"])
    output = scope.plan.value(scope.shapes[node.output])
    made = scope.plan.node(Op.AFFINE, [scope.values[node.output]], output)
    gamma = cast(float, attributes["gamma"])
    made.factor = scope.plan.floats(np.full(scope.shapes[node.output], gamma))
    scope.values[node.output] = output


def parametric(scope: Scope, node: Node, attributes: Mapping[str, Attribute]) -> None:
    """Compile a function with a constant for each value."""
    made = scope.new(node, Op.PRELU if node.op == "PRelu" else Op.POW)
    full = (1, *scope.shapes[node.output])
    made.factor = scope.plan.floats(np.broadcast_to(scope.constant(node.inputs[1]), full))
