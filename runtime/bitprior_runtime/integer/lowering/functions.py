"""Functions that are read from tables."""

from bitprior_runtime.integer.lowering.call import Call, Lowered, Rule
from bitprior_runtime.integer.real import RealTable


def _table(call: Call) -> Lowered:
    alpha = call.number("alpha") if "alpha" in call.attributes else 1.0
    return [RealTable(call.node.output, call.source, call.node.output, call.node.op, alpha)]


RULES: dict[str, Rule] = dict.fromkeys(("Elu", "Sigmoid", "Softplus", "Tanh"), _table)
