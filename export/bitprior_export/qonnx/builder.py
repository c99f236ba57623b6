"""Build a program node by node from an ONNX graph, collecting all that does not fit."""

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import AttributeProto, NodeProto, TensorProto, helper, numpy_helper

from bitprior_export.errors import MalformedOnnxError, QuantiserError
from bitprior_export.qonnx import batch_norm
from bitprior_export.qonnx.quantisers import is_quantiser, quantise
from bitprior_runtime.errors import ProgramError
from bitprior_runtime.ops import OPS, Operand
from bitprior_runtime.program import Attribute, Node, Shape
from bitprior_runtime.shapes import complete_attributes
from bitprior_runtime.tensors import FloatTensor, QuantisedTensor, Tensor

_STANDARD = ("", "ai.onnx")
_FORBIDDEN = re.compile(r"[^A-Za-z0-9_.:+-]+")
_MAX_NAME = 200


class ProgramBuilder:
    """Nodes, tensors and shapes of a program in the making.

    Args:
        names: Program names that some tensors of the graph must get.
        batch: Batch size the graph is fixed to, or None.
        reads: How often each tensor of the graph is read; its output counts as read.

    Attributes:
        nodes: The nodes so far.
        tensors: Their constants, by program name; only those that a node reads.
        offenders: What no program can hold, one line for each node.
    """

    def __init__(
        self, names: Mapping[str, str], batch: int | None, reads: Mapping[str, int]
    ) -> None:
        self.nodes: list[Node] = []
        self.tensors: dict[str, Tensor] = {}
        self.offenders: list[str] = []
        self._batch = batch
        self._reads = reads
        self._names = dict(names)
        self._added: set[str] = set()
        self._constants: dict[str, NDArray[Any]] = {}
        self._quantised: dict[str, QuantisedTensor] = {}
        # None: written by a node that does not fit, so that what follows cannot be checked.
        self._shapes: dict[str, Shape | None] = {}

    @property
    def origins(self) -> Mapping[str, str]:
        """The graph's names of the activations, by program name."""
        return {self._names[name]: name for name in self._shapes if name in self._names}

    def add_input(self, name: str, shape: Shape) -> None:
        """Add the graph's input and its shape without the batch axis."""
        self._shapes[name] = shape

    def add_constant(self, tensor: TensorProto) -> None:
        """Add an initialiser."""
        self._constants[tensor.name] = _values(tensor)

    def add_node(self, node: NodeProto) -> None:
        """Add a node, or note why it does not fit."""
        try:
            if is_quantiser(node):
                self._add_quantiser(node)
            elif node.op_type == "Constant" and node.domain in _STANDARD:
                self._constants[node.output[0]] = _constant(node)
            elif node.op_type == "Identity" and node.input[0] in self._constants:
                self._constants[node.output[0]] = self._constants[node.input[0]]
            elif node.op_type == batch_norm.OP and node.domain in _STANDARD:
                self._add_batch_norm(node)
            else:
                self._add_op(node)
        except (_UnfitError, ProgramError, QuantiserError) as error:
            self._refuse(node, error)

    def _refuse(self, node: NodeProto, error: Exception) -> None:
        reason = str(error)
        if isinstance(error, ProgramError | QuantiserError):
            reason = f"expected {error.expected}, found {error.found}"
        label = ascii(node.name or (node.output[0] if node.output else ""))[1:-1]
        self.offenders.append(f"{label} ({ascii(node.op_type)[1:-1]}): {reason}")
        self._shapes |= dict.fromkeys(node.output)

    def _add_quantiser(self, node: NodeProto) -> None:
        if not all(name in self._constants for name in node.input):
            raise _UnfitError("it quantises an activation; only weights can be quantised")
        self._quantised[node.output[0]] = quantise(node, self._constants)
        self._names.setdefault(node.output[0], self._claim(node.input[0]))

    def _add_op(self, node: NodeProto) -> None:
        if node.op_type not in OPS or node.domain not in _STANDARD:
            where = f" of domain {node.domain!a}" if node.domain not in _STANDARD else ""
            raise _UnfitError(f"an op{where} that no program knows")
        if len(node.output) != 1:
            raise _UnfitError(f"{len(node.output)} outputs instead of one")
        inputs = list(node.input)
        while inputs and not inputs[-1]:  # optional inputs left out
            inputs.pop()
        attributes = {
            entry.name: _attribute(entry) for entry in node.attribute if not _says_nothing(entry)
        }
        if "kernel_shape" in attributes:  # ONNX lets it be left out: the weight has it
            self._check_kernel(inputs, attributes.pop("kernel_shape"))
        if any(self._shapes.get(name, ()) is None for name in inputs):
            self._shapes[node.output[0]] = None
            return
        if node.op_type == "Reshape":
            attributes = {"shape": self._target(inputs, attributes)}
            inputs = inputs[:1]
        operands = [self._operand(name) for name in inputs]
        plain = Node(
            node.op_type, tuple(map(self._name, inputs)), self._name(node.output[0]), attributes
        )
        shape = OPS[node.op_type].infer(operands, complete_attributes(plain))
        self._shapes[node.output[0]] = shape
        self.nodes.append(plain)
        self._keep(inputs)

    def _add_batch_norm(self, node: NodeProto) -> None:
        """Fold a BatchNormalization into the layer before it, or add it as Mul and Add."""
        affine = batch_norm.read_affine(node, self._constants)
        source, output = node.input[0], node.output[0]
        if self._shapes.get(source, ()) is None:
            self._shapes[output] = None
            return
        shape = self._operand(source).shape
        if source not in self._shapes or shape[0] != len(affine.factor):
            raise _UnfitError(f"{len(affine.factor)} channels on {source!a} of shape {shape}")
        if not self._fold(source, output, affine):
            product = self._fresh(f"{self._name(output)}.scaled")
            names = [self._fresh(f"{self._name(output)}.{part}") for part in ("factor", "shift")]
            self.tensors |= dict(zip(names, affine.constants(len(shape)), strict=True))
            self.nodes += [
                Node("Mul", (self._name(source), names[0]), product),
                Node("Add", (product, names[1]), self._name(output)),
            ]
        self._shapes[output] = shape

    def _fold(self, source: str, output: str, affine: batch_norm.Affine) -> bool:
        """Fold an affine map of ``source`` into the layer that writes it, if only it reads that."""
        written = self._name(source)
        index = next((i for i, n in enumerate(self.nodes) if n.output == written), None)
        if index is None or self._reads[source] != 1:
            return False
        layer = self.nodes[index]
        if layer.op == "MatMul" and len(self._operand(source).shape) != 1:
            return False  # its columns are not the channels
        origins = {name: origin for origin, name in self._names.items()}
        if len(layer.inputs) < 2 or self._reads.get(origins.get(layer.inputs[1], ""), 0) != 1:
            return False
        bias = self._fresh(f"{self._name(output)}.shift")
        folded = batch_norm.fold(layer, self.tensors, affine, bias, self._name(output))
        if folded is None:
            return False
        self.nodes[index], self.tensors[layer.inputs[1]], self.tensors[bias] = folded
        for name in layer.inputs[2:]:
            if not any(name in node.inputs for node in self.nodes):
                del self.tensors[name]
        del self._shapes[source]
        return True

    def _check_kernel(self, inputs: list[str], kernel: Attribute) -> None:
        if len(inputs) < 2 or self._operand(inputs[1]).shape[2:] != kernel:
            raise _UnfitError(f"its kernel_shape {kernel} is not that of its weight")

    def _operand(self, name: str) -> Operand:
        if name in self._quantised:
            return Operand(self._quantised[name].shape, constant=True)
        if name in self._constants:
            if self._constants[name].dtype != np.float32:
                raise _UnfitError(f"{name!a} is {self._constants[name].dtype}, not float32")
            return Operand(self._constants[name].shape, constant=True)
        shape = self._shapes.get(name)
        if shape is None:
            raise _UnfitError(f"it reads {name!a}, which nothing writes before it")
        return Operand(shape, constant=False)

    def _keep(self, inputs: list[str]) -> None:
        for name in inputs:
            if name in self._quantised:
                self.tensors[self._name(name)] = self._quantised[name]
            elif name in self._constants:
                self.tensors[self._name(name)] = FloatTensor(np.array(self._constants[name]))

    def _target(self, inputs: list[str], attributes: Mapping[str, Attribute]) -> Shape:
        """Return a Reshape's target without the batch axis."""
        if attributes.get("allowzero"):
            raise _UnfitError("allowzero is set")
        if len(inputs) != 2 or inputs[1] not in self._constants:
            raise _UnfitError("its target shape is not a constant")
        target = self._constants[inputs[1]]
        source = self._operand(inputs[0]).shape
        if target.dtype != np.int64 or target.ndim != 1 or len(target) < 2:
            raise _UnfitError("its target shape is not a list of two or more integers")
        first, *rest = (int(size) for size in target)
        if first not in (0, -1, self._batch) or (first == -1 and -1 in rest):
            raise _UnfitError(f"its target {target.tolist()} does not keep the batch axis first")
        if any(size == 0 and axis >= len(source) for axis, size in enumerate(rest)):
            raise _UnfitError(f"its target {target.tolist()} copies an axis the input has not")
        sizes = [size or source[axis] for axis, size in enumerate(rest)]
        if -1 in sizes:
            known = -math.prod(sizes)
            sizes[sizes.index(-1)] = math.prod(source) // known if known > 0 else 0
        return tuple(sizes)

    def _name(self, name: str) -> str:
        """Return the program's name of a tensor of the graph."""
        if name not in self._names:
            self._names[name] = self._claim(name)
        return self._names[name]

    def _fresh(self, wish: str) -> str:
        """Return a program name for a tensor that the graph has not."""
        name = self._claim(wish)
        self._added.add(name)
        return name

    def _claim(self, name: str) -> str:
        """Return ``name`` with only the characters of a bundle's names, not taken yet."""
        segments = [_FORBIDDEN.sub("_", part).lstrip(".:+-") for part in name.split("/")]
        wish = "/".join(part for part in segments if part)[:_MAX_NAME] or "tensor"
        taken = self._added.union(self._names.values())
        return next(
            candidate
            for candidate in (wish, *(f"{wish}_{count}" for count in range(2, len(taken) + 3)))
            if candidate not in taken
        )


class _UnfitError(Exception):
    """Why one node does not fit; becomes a line of UnsupportedOpError."""


def _values(tensor: TensorProto) -> NDArray[Any]:
    try:
        return numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError, NotImplementedError) as error:
        raise MalformedOnnxError(
            f"values that fill the shape of {tensor.name!a}",
            str(error).partition("\n")[0],
            "write the file again, or copy it again",
        ) from error


def _constant(node: NodeProto) -> NDArray[Any]:
    values = {entry.name: entry for entry in node.attribute}
    if "value" not in values:
        raise _UnfitError("a Constant without a tensor; run qonnx-cleanup")
    return _values(values["value"].t)


def _says_nothing(entry: AttributeProto) -> bool:
    return entry.name == "auto_pad" and entry.s == b"NOTSET"


def _attribute(entry: AttributeProto) -> Attribute:
    value = helper.get_attribute_value(entry)
    if isinstance(value, int | float):
        return value
    if isinstance(value, list) and all(isinstance(item, int) for item in value):
        return tuple(value)
    raise _UnfitError(f"its attribute {entry.name!a} is no number or list of integers")
