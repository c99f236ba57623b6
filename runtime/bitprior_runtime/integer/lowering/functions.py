"""Functions that are read from tables."""

from bitprior_runtime.integer.lowering.call import Call, Lowered, Rule
from bitprior_runtime.integer.real import RealTable


def _table(call: Call) -> Lowered:
    alpha = call.number("alpha") if "alpha" in call.attributes else 1.0
    return [RealTable(call.node.output, call.source, call.node.output, call.node.op, alpha)]


def _selu(call: Call) -> Lowered:
    name, alpha, gamma = call.node.output, call.number("alpha"), call.number("gamma")
    return [RealTable(name, call.source, name, "Elu", alpha, gain=gamma)]


RULES: dict[str, Rule] = {
    **dict.fromkeys(("Elu", "Sigmoid", "Softplus", "Tanh"), _table),
    "Selu": _selu,
}
