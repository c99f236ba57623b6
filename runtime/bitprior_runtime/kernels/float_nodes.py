"""How each op of a program becomes nodes of the native float runner."""

import ctypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError
from bitprior_runtime.kernels.library import library
from bitprior_runtime.kernels.plan import Plan
from bitprior_runtime.kernels.structures import Function, Geometry, NodeStruct, Op
from bitprior_runtime.kernels.weights import PackedMatrix, pack_matrix
from bitprior_runtime.ops import OPS
from bitprior_runtime.program import Attribute, Node, Program, Shape


class UnsupportedOpError(UsageError):
    """A program has an op that the native runner lacks; the numpy kernels have it."""

    def __init__(self, op: str, why: str = "it has no such op") -> None:
        self.op = op
        super().__init__(
            "a program of ops the native kernels know", f"{op}: {why}", "use kernel='numpy'"
        )


@dataclass(frozen=True)
class Scope:
    """What a rule knows of the program it is compiling.

    Attributes:
        plan: Where nodes and values go.
        program: The program.
        shapes: Shape of every tensor in it.
        values: Number of every activation compiled so far; rules add to it.
        matrices: Weights packed so far.
    """

    plan: Plan
    program: Program
    shapes: Mapping[str, Shape]
    values: dict[str, int]
    matrices: dict[tuple[str, bool], PackedMatrix]

    def constant(self, name: str) -> NDArray[np.float32]:
        """Return the values of a constant."""
        return self.program.tensors[name].values()

    def new(self, node: Node, op: Op) -> NodeStruct:
        """Add a node that reads the activations of ``node`` and writes a value of its own."""
        self.values[node.output] = self.plan.value(self.shapes[node.output])
        return self.plan.node(op, self.read(node), self.values[node.output])

    def read(self, node: Node) -> list[int]:
        """Return the values of the activations a node reads."""
        return [self.values[name] for name in node.inputs if name in self.values]

    def matrix(self, name: str, channels: int, transpose: bool = False) -> PackedMatrix:
        """Return a weight as a packed matrix, packed once."""
        key = (name, transpose)
        if key not in self.matrices:
            self.matrices[key] = pack_matrix(self.program.tensors[name], channels, transpose)
        return self.matrices[key]


Rule = Callable[[Scope, Node, Mapping[str, Attribute]], None]


def _per_channel(
    scope: Scope, node: NodeStruct, matrix: PackedMatrix, channels: int, factor: float = 1.0
) -> None:
    """Set the scale of each output channel; channels of a group repeat."""
    if matrix.scale is None and factor == 1.0:
        return
    scale = np.ones(1, np.float32) if matrix.scale is None else matrix.scale.reshape(-1)
    repeated = np.tile(scale, channels // scale.size) * np.float32(factor)
    node.scale = scope.plan.floats(repeated)


def _linear(scope: Scope, node: Node, attributes: Mapping[str, Attribute]) -> None:
    shape = scope.program.tensors[node.inputs[1]].shape
    by_rows = bool(attributes.get("transB", 0))
    matrix = scope.matrix(node.inputs[1], channels=0 if by_rows else 1, transpose=not by_rows)
    outputs = shape[0] if by_rows else shape[1]
    made = scope.new(node, Op.LINEAR)
    made.count = int(np.prod(scope.shapes[node.output])) // outputs
    scope.plan.set_weight(made, matrix)
    alpha = cast(float, attributes.get("alpha", 1.0))
    _per_channel(scope, made, matrix, outputs, alpha)
    if len(node.inputs) == 3:
        bias = scope.constant(node.inputs[2]) * np.float32(cast(float, attributes["beta"]))
        made.bias = scope.plan.floats(np.broadcast_to(bias, (1, outputs)))


def _convolution(scope: Scope, node: Node, attributes: Mapping[str, Attribute]) -> None:
    forward = node.op == "Conv"
    dense, patches = scope.shapes[node.inputs[0]], scope.shapes[node.output]
    if not forward:
        dense, patches = patches, dense
    pads = cast(Shape, attributes["pads"])
    geometry = Geometry(*dense, *patches, top=pads[0], left=pads[1])
    geometry.kernel[:] = scope.program.tensors[node.inputs[1]].shape[2:]
    geometry.strides[:] = cast(Shape, attributes["strides"])
    geometry.dilations[:] = cast(Shape, attributes["dilations"])
    geometry.groups = cast(int, attributes["group"])
    matrix = scope.matrix(node.inputs[1], channels=0 if forward else 1)
    made = scope.new(node, Op.CONV if forward else Op.CONV_TRANSPOSE)
    made.geometry = geometry
    scope.plan.scratch = max(scope.plan.scratch, _scratch(geometry))
    scope.plan.set_weight(made, matrix)
    _per_channel(scope, made, matrix, scope.shapes[node.output][0])
    if len(node.inputs) == 3:
        made.bias = scope.plan.floats(scope.constant(node.inputs[2]))


def _scratch(geometry: Geometry) -> int:
    size = library().bp_float_scratch
    size.restype = ctypes.c_int64
    return int(size(ctypes.byref(geometry)))


# Functions whose slope can be told from the output alone, so they may overwrite their input.
_FROM_OUTPUT = {
    "Relu": Function.RELU,
    "LeakyRelu": Function.LEAKY_RELU,
    "Elu": Function.ELU,
    "Tanh": Function.TANH,
    "Sigmoid": Function.SIGMOID,
    "Softplus": Function.SOFTPLUS,
}


def _function(scope: Scope, node: Node, attributes: Mapping[str, Attribute]) -> None:
    alpha = cast(float, attributes.get("alpha", attributes.get("min", 0.0)))
    source = scope.values[node.inputs[0]]
    in_place = node.op in _FROM_OUTPUT and alpha >= 0 and _written_for(scope, node)
    if in_place:
        scope.values[node.output] = source
        made = scope.plan.nodes[-1]
    else:
        made = scope.new(node, Op.APPLY)
    made.function = _FROM_OUTPUT.get(node.op) or Function[node.op.upper()]
    made.alpha = alpha
    made.beta = cast(float, attributes.get("max", 0.0))


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


def _same(scope: Scope, node: Node, attributes: Mapping[str, Attribute]) -> None:
    scope.values[node.output] = scope.values[node.inputs[0]]


_PAIRS = {"Add": Op.ADD, "Sub": Op.SUB, "Mul": Op.MUL}


def _arithmetic(scope: Scope, node: Node, attributes: Mapping[str, Attribute]) -> None:
    constants = [name for name in node.inputs if name not in scope.values]
    if constants:
        _affine(scope, node, scope.constant(constants[0]), node.inputs[0] == constants[0])
    elif node.op == "Div":
        raise UnsupportedOpError("Div", "of two activations")
    else:
        inputs = [_spread(scope, name, node) for name in node.inputs]
        scope.values[node.output] = scope.plan.value(scope.shapes[node.output])
        scope.plan.node(_PAIRS[node.op], inputs, scope.values[node.output])


def _affine(scope: Scope, node: Node, constant: NDArray[np.float32], first: bool) -> None:
    """Make c op x or x op c, with a constant, x * factor + term."""
    name = next(name for name in node.inputs if name in scope.values)
    source = _spread(scope, name, node)
    full = np.broadcast_to(constant, (1, *scope.shapes[node.output]))
    scope.values[node.output] = scope.plan.value(scope.shapes[node.output])
    made = scope.plan.node(Op.AFFINE, [source], scope.values[node.output])
    if node.op == "Mul":
        made.factor = scope.plan.floats(full)
    elif node.op == "Div" and first:
        raise UnsupportedOpError("Div", "by an activation")
    elif node.op == "Div":
        made.factor = scope.plan.floats(1 / full)
    elif node.op == "Sub" and first:
        made.factor = scope.plan.floats(np.full(full.shape, -1.0))
        made.term = scope.plan.floats(full)
    else:
        made.term = scope.plan.floats(-full if node.op == "Sub" else full)


def _spread(scope: Scope, name: str, node: Node) -> int:
    """Return an activation repeated along the axes where the node's output is longer."""
    shape, wanted = scope.shapes[name], scope.shapes[node.output]
    if shape == wanted:
        return scope.values[name]
    index = np.arange(int(np.prod(shape))).reshape(shape)
    output = scope.plan.value(wanted)
    _move(scope, scope.values[name], output, np.broadcast_to(index, wanted).reshape(-1))
    return output


def _move(scope: Scope, source: int, output: int, index: NDArray[Any]) -> NodeStruct:
    """Add y[i] = x[index[i]]; where the index is -1, nothing is added to y[i]."""
    made = scope.plan.node(Op.MOVE, [source], output)
    target = np.flatnonzero(index >= 0)
    made.count, made.first = target.size, 1
    made.source = scope.plan.integers(index[target])
    made.target = scope.plan.integers(target)
    return made


def _rearrange(scope: Scope, node: Node, attributes: Mapping[str, Attribute]) -> None:
    """Compile an op that only moves values: its numpy form, run on their numbers, says where to."""
    attributes = dict(attributes)
    filling = attributes.get("value")
    if filling is not None:
        attributes["value"] = 0.0
    numbers, begin = [], 1  # zero is what Pad puts in
    for name in node.inputs:
        shape = scope.shapes[name]
        size = int(np.prod(shape))
        numbers.append(np.arange(begin, begin + size, dtype=np.float64).reshape(1, *shape))
        begin += size
    origin = OPS[node.op].forward(numbers, attributes).reshape(-1).astype(np.int64)
    output = scope.values[node.output] = scope.plan.value(scope.shapes[node.output])
    for position, (name, range_) in enumerate(zip(node.inputs, numbers, strict=True)):
        low = int(range_.min())
        inside = (origin >= low) & (origin < low + range_.size)
        made = _move(scope, scope.values[name], output, np.where(inside, origin - low, -1))
        made.first = int(position == 0)
        if filling:
            made.term = scope.plan.floats(np.where(inside, 0.0, cast(float, filling)))


def _resize(scope: Scope, node: Node, attributes: Mapping[str, Attribute]) -> None:
    if attributes["mode"] == "nearest":
        _rearrange(scope, node, attributes)
    else:
        _planes(scope, node, attributes)


# Pixels of a channel up to which its linear map is written out, by running it on each of them.
_MOST_PIXELS = 64 * 64


def _planes(scope: Scope, node: Node, attributes: Mapping[str, Attribute]) -> None:
    """Compile a linear op that treats every channel alike; its numpy form gives its matrix."""
    channels, height, width = scope.shapes[node.inputs[0]]
    pixels = height * width
    if pixels > _MOST_PIXELS:
        raise UnsupportedOpError(node.op, f"of more than {_MOST_PIXELS} pixels a channel")
    units = np.eye(pixels, dtype=np.float32).reshape(pixels, 1, height, width)
    matrix = OPS[node.op].forward([units], attributes).reshape(pixels, -1)
    source, target = np.nonzero(matrix)
    channel = np.arange(channels)[:, np.newaxis]
    made = scope.new(node, Op.MOVE)
    made.first, made.count = 1, channels * source.size
    made.source = scope.plan.integers(channel * pixels + source)
    made.target = scope.plan.integers(channel * matrix.shape[1] + target)
    made.factor = scope.plan.floats(np.tile(matrix[source, target], channels))


def _negative(scope: Scope, node: Node, attributes: Mapping[str, Attribute]) -> None:
    made = scope.new(node, Op.AFFINE)
    made.factor = scope.plan.floats(np.full(scope.shapes[node.output], -1.0))


def _selu(scope: Scope, node: Node, attributes: Mapping[str, Attribute]) -> None:
    """Compile gamma * Elu(x)."""
    elu = scope.new(node, Op.APPLY)
    elu.function, elu.alpha = Function.ELU, cast(float, attributes["alpha"])
    output = scope.plan.value(scope.shapes[node.output])
    made = scope.plan.node(Op.AFFINE, [scope.values[node.output]], output)
    gamma = cast(float, attributes["gamma"])
    made.factor = scope.plan.floats(np.full(scope.shapes[node.output], gamma))
    scope.values[node.output] = output


def _reduce(scope: Scope, node: Node, attributes: Mapping[str, Attribute]) -> None:
    """Compile a sum or mean over axes; GlobalAveragePool is one over all but the channels."""
    shape = scope.shapes[node.inputs[0]]
    default = tuple(range(2, len(shape) + 1))
    axes = [axis - 1 for axis in cast(Shape, attributes.get("axes", default))]
    kept = tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    target = np.arange(int(np.prod(kept))).reshape(kept)
    made = scope.new(node, Op.MOVE)
    made.first, made.count = 1, int(np.prod(shape))
    made.source = scope.plan.integers(np.arange(made.count))
    made.target = scope.plan.integers(np.broadcast_to(target, shape))
    if node.op != "ReduceSum":
        share = np.prod(kept) / np.prod(shape)
        made.factor = scope.plan.floats(np.full(made.count, share))


RULES: Mapping[str, Rule] = {
    "Gemm": _linear,
    "MatMul": _linear,
    "Conv": _convolution,
    "ConvTranspose": _convolution,
    **dict.fromkeys([*_FROM_OUTPUT, "Abs", "Clip"], _function),
    **dict.fromkeys(["Reshape", "Flatten", "Identity"], _same),
    **dict.fromkeys([*_PAIRS, "Div"], _arithmetic),
    **dict.fromkeys(
        ["Slice", "Concat", "Transpose", "Pad", "DepthToSpace", "SpaceToDepth"], _rearrange
    ),
    "Resize": _resize,
    "AveragePool": _planes,
    "Neg": _negative,
    "Selu": _selu,
    **dict.fromkeys(["ReduceMean", "ReduceSum", "GlobalAveragePool"], _reduce),
}
