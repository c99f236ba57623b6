"""Ops that ONNX Runtime Training cannot differentiate on a CPU, in terms of ops that it can."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias, cast

import numpy as np

from bitprior_export.graphs.training.subpixel import rewrite_conv_transpose
from bitprior_runtime.ops.resize import matrices
from bitprior_runtime.program import Node, Program, Shape
from bitprior_runtime.shapes import complete_attributes, infer_shapes
from bitprior_runtime.tensors import FloatTensor, Tensor

# (node, shapes, tensors to add to) -> nodes that write the same output
Rule: TypeAlias = Callable[[Node, Mapping[str, Shape], dict[str, Tensor]], Sequence[Node]]


def differentiable(program: Program) -> Program:
    """Return an equal program, up to rounding, without ConvTranspose, Resize and Elu.

    Raises:
        UsageError: A ConvTranspose has groups.
        ProgramError: The program is malformed.
    """
    shapes = infer_shapes(program)
    nodes: list[Node] = []
    tensors = dict(program.tensors)
    for node in program.nodes:
        rule = _RULES.get(node.op)
        nodes += [node] if rule is None else rule(node, shapes, tensors)
    read = {name for node in nodes for name in node.inputs}
    kept = {name: tensor for name, tensor in tensors.items() if name in read}
    return replace(program, nodes=tuple(nodes), tensors=kept)


def _resize(node: Node, shapes: Mapping[str, Shape], tensors: dict[str, Tensor]) -> Sequence[Node]:
    """Multiply by the interpolation matrices of columns and rows."""
    rule = matrices(shapes[node.inputs[0]], complete_attributes(node))
    stem, turned = node.output, {"perm": (0, 1, 3, 2)}
    for axis, matrix in rule.items():
        values = np.ascontiguousarray(matrix.T, dtype=np.float32)
        tensors[f"{stem}.axis{axis}"] = FloatTensor(values)
    return (
        Node("MatMul", (node.inputs[0], f"{stem}.axis3"), f"{stem}.wide"),
        Node("Transpose", (f"{stem}.wide",), f"{stem}.turned", turned),
        Node("MatMul", (f"{stem}.turned", f"{stem}.axis2"), f"{stem}.high"),
        Node("Transpose", (f"{stem}.high",), stem, turned),
    )


def _elu(node: Node, shapes: Mapping[str, Shape], tensors: dict[str, Tensor]) -> Sequence[Node]:
    """Elu(x) = max(x, 0) + alpha (exp(min(x, 0)) - 1), where min(x, 0) = -max(-x, 0)."""
    (source,), stem = node.inputs, node.output
    alpha = cast(float, complete_attributes(node)["alpha"])
    tensors[f"{stem}.one"] = FloatTensor(np.ones((), np.float32))
    tensors[f"{stem}.alpha"] = FloatTensor(np.full((), alpha, np.float32))
    return (
        Node("Relu", (source,), f"{stem}.above"),
        Node("Neg", (source,), f"{stem}.negated"),
        Node("Relu", (f"{stem}.negated",), f"{stem}.depth"),
        Node("Neg", (f"{stem}.depth",), f"{stem}.below"),
        Node("Exp", (f"{stem}.below",), f"{stem}.exp"),
        Node("Sub", (f"{stem}.exp", f"{stem}.one"), f"{stem}.curve"),
        Node("Mul", (f"{stem}.curve", f"{stem}.alpha"), f"{stem}.scaled"),
        Node("Add", (f"{stem}.above", f"{stem}.scaled"), stem),
    )


_RULES: Mapping[str, Rule] = {
    "ConvTranspose": rewrite_conv_transpose,
    "Resize": _resize,
    "Elu": _elu,
}
