"""Check a program whole and work out the shape of every tensor in it."""

import math
from collections.abc import Mapping

import numpy as np

from bitprior_runtime.errors import ProgramError
from bitprior_runtime.ops import OPS, Op, Operand
from bitprior_runtime.program import Attribute, Node, Program, Shape

MAX_ELEMENTS = 2**28
MAX_RANK = 6
# Engines compute in float32: what is larger would be infinite there.
LARGEST = float(np.finfo(np.float32).max)


def infer_shapes(program: Program) -> dict[str, Shape]:
    """Check ``program`` and return the shape of each of its tensors.

    Args:
        program: The program.

    Returns:
        Shapes by name: inputs and activations without the batch axis, tensors as they are.

    Raises:
        ProgramError: An unknown op or attribute, a name that is read before it is written or
            written twice, inputs that do not fit an op, or an activation over MAX_ELEMENTS.
    """
    known: dict[str, Operand] = {}
    for name, shape in program.inputs.items():
        _define(known, name, Operand(_bounded(name, tuple(shape)), constant=False), program)
    for name, tensor in program.tensors.items():
        _define(known, name, Operand(tensor.shape, constant=True), program)
    for node in program.nodes:
        operands = [_look_up(known, name, node) for name in node.inputs]
        attributes = complete_attributes(node)
        shape = _bounded(node.output, _op(node).infer(operands, attributes))
        _define(known, node.output, Operand(shape, constant=False), program)
    if program.output not in known or known[program.output].constant:
        raise _wrong(
            f"the output {program.output!r} of program {program.name!r}", "it is not written"
        )
    return {name: operand.shape for name, operand in known.items()}


def complete_attributes(node: Node) -> Mapping[str, Attribute]:
    """Return all attributes of ``node``, ONNX's defaults filled in.

    Raises:
        ProgramError: An attribute the op does not have, or of another type.
    """
    defaults = _op(node).attributes
    for name, value in node.attributes.items():
        if name not in defaults:
            known = ", ".join(defaults) or "none"
            raise _wrong(f"{node.op} with attributes among: {known}", f"{name!r}")
        if not _same_kind(value, defaults[name]):
            kind = type(defaults[name]).__name__
            raise _wrong(f"{node.op} with {name} of type {kind}", f"{value!r}")
    return {**defaults, **node.attributes}


def _same_kind(value: Attribute, default: Attribute) -> bool:
    if isinstance(value, tuple):
        return isinstance(default, tuple) and all(type(item) is int for item in value)
    if isinstance(value, float) and not abs(value) <= LARGEST:
        return False  # NaN is not, either
    return type(value) is type(default)


def _op(node: Node) -> Op:
    if node.op not in OPS:
        raise ProgramError(
            f"ops among: {', '.join(sorted(OPS))}",
            f"{node.op!r}",
            "export the model with a newer bitprior, or without this op",
        )
    return OPS[node.op]


def _bounded(name: str, shape: Shape) -> Shape:
    fits = len(shape) <= MAX_RANK and all(size >= 1 for size in shape)
    if not fits or math.prod(shape) > MAX_ELEMENTS:
        raise _wrong(
            f"{name!r} of rank <= {MAX_RANK}, sizes >= 1 and <= {MAX_ELEMENTS} values", f"{shape}"
        )
    return shape


def _define(known: dict[str, Operand], name: str, operand: Operand, program: Program) -> None:
    if name in known:
        raise _wrong(f"each tensor of program {program.name!r} written once", f"{name!r} twice")
    known[name] = operand


def _look_up(known: Mapping[str, Operand], name: str, node: Node) -> Operand:
    if name not in known:
        raise _wrong(f"{node.op} to read a tensor written before it", f"{name!r}, unknown there")
    return known[name]


def _wrong(expected: str, found: str) -> ProgramError:
    return ProgramError(expected, found, "export the model again with bitprior export")
