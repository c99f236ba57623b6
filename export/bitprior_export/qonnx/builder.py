"""Build a program node by node from an ONNX graph, collecting all that does not fit."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto

from bitprior_export.errors import QuantiserError
from bitprior_export.post_training import quantise_float
from bitprior_export.qonnx import batch_norm, folding, qdq, quantisers
from bitprior_export.qonnx.forms import FORMS, parts_of
from bitprior_export.qonnx.naming import ProgramNames
from bitprior_export.qonnx.site import STANDARD, Part, Site
from bitprior_export.qonnx.values import Array, Integers, UnfitError, Values, read_values
from bitprior_runtime.errors import ProgramError
from bitprior_runtime.ops import OPS, Operand
from bitprior_runtime.program import Node, Shape
from bitprior_runtime.shapes import complete_attributes
from bitprior_runtime.tensors import FloatTensor, Tensor

# From here on log(1 + exp(x)) is x in float32.
_SOFTPLUS_IS_LINEAR = 17.0


class ProgramBuilder:
    """Nodes, tensors and shapes of a program in the making.

    Args:
        names: Program names that some tensors of the graph must get.
        target: The graph's name of its output.
        reads: How often each tensor of the graph is read; its output counts as read.
        batch: Batch size the graph is fixed to, or None.
        opset: Version of ONNX's ops.
        weight_bits: Bits that float weights of layers are quantised to, or None.

    Attributes:
        nodes: The nodes so far.
        tensors: Their constants, by program name; only those that a node reads.
        offenders: What no program can hold, one line for each node.
        values: What is known of the graph's tensors.
        folded: Names of the graph's tensors that are constants by now, though nodes write them.
    """

    def __init__(
        self,
        names: Mapping[str, str],
        target: str,
        reads: Mapping[str, int],
        batch: int | None,
        opset: int,
        weight_bits: int | None = None,
    ) -> None:
        self.nodes: list[Node] = []
        self.tensors: dict[str, Tensor] = {}
        self.offenders: list[str] = []
        self.values = Values()
        self.folded: set[str] = set()
        self._names = ProgramNames(names)
        self._target = target
        self._reads = dict(reads)
        self._batch, self._opset, self._weight_bits = batch, opset, weight_bits
        self._aliases: dict[str, str] = {}
        self._thresholds: dict[str, str] = {}
        self._budget = folding.FOLDED_VALUES

    @property
    def origins(self) -> Mapping[str, str]:
        """The graph's names of the activations, by program name."""
        known = self._names.known()
        return {known[name]: name for name in self.values.shapes if name in known}

    def shape_of(self, name: str) -> Shape:
        """Return the shape of an activation without the batch axis."""
        return self.values.shapes[self._aliases.get(name, name)] or ()

    def add_input(self, name: str, shape: Shape) -> None:
        """Add the graph's input and its shape without the batch axis."""
        self.values.shapes[name] = shape

    def add_constant(self, tensor: TensorProto) -> None:
        """Add an initialiser."""
        value = read_values(tensor)
        self._budget += folding.FOLDED_VALUES_PER_STORED * value.size
        self.values.constants[tensor.name] = value
        integers = qdq.integers_of(value)
        if integers is not None:
            self.values.integers[tensor.name] = integers

    def add_node(self, node: NodeProto) -> None:
        """Add a node, or note why it does not fit."""
        resolved = NodeProto()
        resolved.CopyFrom(node)
        resolved.input[:] = [self._aliases.get(name, name) for name in node.input]
        try:
            site = Site(resolved, self.values, self._batch, self._opset)
            if not self._add_constant_node(site):
                self._add_activation(site)
        except (UnfitError, ProgramError, QuantiserError) as error:
            self._refuse(node, error)

    def _refuse(self, node: NodeProto, error: Exception) -> None:
        reason = str(error)
        if isinstance(error, ProgramError | QuantiserError):
            reason = f"expected {error.expected}, found {error.found}"
        label = ascii(node.name or (node.output[0] if node.output else ""))[1:-1]
        self.offenders.append(f"{label[:80]} ({ascii(node.op_type)[1:-1][:40]}): {reason}")
        self.values.shapes |= dict.fromkeys(node.output)

    def _add_constant_node(self, site: Site) -> bool:
        """Add a node whose output is constant; return False for one whose output is not."""
        node, values = site.node, self.values
        inputs = [name for name in site.inputs if name]
        if quantisers.is_quantiser(node):
            self._add_quantiser(site)
        elif node.domain not in STANDARD:
            return False
        elif site.op in qdq.OPS:
            self._add_qdq(site)
        elif site.op == "Clip" and inputs[0] in values.integers:
            self._fold_integers(site, qdq.clip_integers(site, values.integers[inputs[0]]))
        elif site.op == "Constant":
            self._fold(site.output, _constant(site))
        elif folding.is_shape(node) and inputs[0] in values.shapes:
            if values.is_unknown(inputs[0]):
                values.shapes[site.output] = None
            else:
                self._fold(site.output, folding.fold_shape(site))
        elif any(name in values.quantised for name in inputs[:1]):
            return self._move_quantised(site)
        elif folding.is_foldable(node) and all(name in values.constants for name in inputs):
            self._fold(site.output, folding.fold(site, self._budget))
        else:
            return False
        return True

    def _fold(self, name: str, value: Array) -> None:
        self._budget -= value.size
        self.values.constants[name] = value
        self.folded.add(name)
        integers = qdq.integers_of(value)
        if integers is not None:
            self.values.integers[name] = integers

    def _fold_integers(self, site: Site, integers: Integers) -> None:
        self.values.integers[site.output] = integers
        self.folded.add(site.output)

    def _add_quantiser(self, site: Site) -> None:
        if not all(name in self.values.constants for name in site.inputs):
            raise UnfitError("it quantises an activation; only weights can be quantised")
        self.values.quantised[site.output] = quantisers.quantise(site.node, self.values.constants)
        self._names.name_after(site.output, site.inputs[0])

    def _add_qdq(self, site: Site) -> None:
        """Add a QuantizeLinear or DequantizeLinear of a constant."""
        values, source = self.values, site.inputs[0]
        if source not in values.constants and source not in values.integers:
            raise UnfitError("it quantises an activation; only weights can be quantised")
        if site.op == "QuantizeLinear":
            self._fold_integers(site, qdq.quantise_linear(site))
        elif source in values.integers:
            tensor = qdq.dequantise_linear(site, values.integers[source])
            self._fold(site.output, tensor.values())
            values.quantised[site.output] = tensor
        else:
            self._fold(site.output, qdq.dequantise_wide(site))
        self._names.name_after(site.output, source)

    def _move_quantised(self, site: Site) -> bool:
        """Add a Transpose, Reshape or Identity of a quantised constant."""
        source = site.inputs[0]
        if site.op not in quantisers.MOVES:
            return False
        tensor = quantisers.moved(self.values.quantised[source], site)
        if source in self.values.constants:
            self._fold(site.output, tensor.values())
        self.values.quantised[site.output] = tensor
        self._names.name_after(site.output, self._names.of(source))
        return True

    def _add_activation(self, site: Site) -> None:
        op, known = site.op, site.node.domain in STANDARD
        if known and op in ("Greater", "Where") and self._add_threshold(site):
            return
        unknown = any(self.values.is_unknown(name) for name in site.inputs)
        if unknown and folding.is_foldable(site.node):
            self.values.shapes |= dict.fromkeys(site.outputs)
            return
        if not known or (op != batch_norm.OP and op not in OPS and op not in FORMS):
            where = f" of domain {site.node.domain[:40]!a}" if not known else ""
            raise UnfitError(f"an op{where} that no program knows")
        if unknown:
            self.values.shapes |= dict.fromkeys(site.outputs)
        elif op == batch_norm.OP:
            self._add_batch_norm(site)
        else:
            self._add_parts(parts_of(site))

    def _add_threshold(self, site: Site) -> bool:
        """Add a part of x > 20 ? x : Softplus(x), as torch writes Softplus, which it equals."""
        if site.op == "Greater":
            source = site.inputs[0]
            if source in self.values.constants or site.scalar(1) < _SOFTPLUS_IS_LINEAR:
                return False
            self._thresholds[site.output] = source
            return True
        condition, source, output = site.inputs
        softplus = Node("Softplus", (self._names.of(source),), self._names.of(output))
        if self._thresholds.get(condition) != source or softplus not in self.nodes:
            return False
        self._add_alias(output, site.output)
        return True

    def _add_parts(self, parts: Sequence[Part]) -> None:
        for part in parts:
            if part.op == "Identity" and part.output != self._target:
                self._add_alias(str(part.inputs[0]), part.output)
            elif self._reads.get(part.output, 0) or len(parts) == 1:
                self._add_part(part)

    def _add_alias(self, source: str, output: str) -> None:
        self._operand(source)
        self._aliases[output] = source
        self._reads[source] += self._reads.get(output, 0) - 1

    def _add_part(self, part: Part) -> None:
        if part.op not in OPS:
            raise UnfitError(f"an op that no program knows ({part.op})")
        if self._weight_bits is not None:
            self._quantise_weight(part, self._weight_bits)
        names = [
            name if isinstance(name, str) else self._new_constant(part.output, name)
            for name in part.inputs
        ]
        operands = [self._operand(name) for name in names]
        node = Node(
            part.op,
            tuple(self._names.of(name) for name in names),
            self._names.of(part.output),
            part.attributes,
        )
        self.values.shapes[part.output] = OPS[part.op].infer(operands, complete_attributes(node))
        self.nodes.append(node)
        self._keep(names)

    def _new_constant(self, output: str, value: Array) -> str:
        name = f"{output}.constant"
        self.values.constants[name] = value
        return name

    def _quantise_weight(self, part: Part, bits: int) -> None:
        """Quantise the float weight of a layer after training."""
        axis = batch_norm.output_axis(part.op, part.attributes)
        name = part.inputs[1] if len(part.inputs) > 1 else None
        if axis is None or not isinstance(name, str) or name in self.values.quantised:
            return
        weight = self.values.constants.get(name)
        if weight is None or weight.dtype != np.float32 or weight.ndim < 2 or not weight.size:
            return
        if not np.isfinite(weight).all():
            raise UnfitError("its weight holds NaN or Inf")
        self.values.quantised[name] = quantise_float(weight, bits, axis)
        self.values.constants[name] = self.values.quantised[name].values()

    def _add_batch_norm(self, site: Site) -> None:
        """Fold a BatchNormalization into the layer before it, or add it as Mul and Add."""
        affine = batch_norm.read_affine(site.node, self.values.constants)
        source, output = site.inputs[0], site.outputs[0]
        shape = site.shape()
        if shape[0] != len(affine.factor):
            raise UnfitError(f"{len(affine.factor)} channels on {source[:80]!a} of shape {shape}")
        if not self._fold_batch_norm(source, output, affine):
            name = self._names.of(output)
            product = self._names.fresh(f"{name}.scaled")
            constants = [self._names.fresh(f"{name}.{part}") for part in ("factor", "shift")]
            self.tensors |= dict(zip(constants, affine.constants(len(shape)), strict=True))
            self.nodes += [
                Node("Mul", (self._names.of(source), constants[0]), product),
                Node("Add", (product, constants[1]), name),
            ]
        self.values.shapes[output] = shape

    def _fold_batch_norm(self, source: str, output: str, affine: batch_norm.Affine) -> bool:
        """Fold an affine map of ``source`` into the layer that writes it, if only it reads that."""
        written = self._names.of(source)
        index = next((i for i, n in enumerate(self.nodes) if n.output == written), None)
        if index is None or self._reads[source] != 1:
            return False
        layer = self.nodes[index]
        if layer.op == "MatMul" and len(self._operand(source).shape) != 1:
            return False  # its columns are not the channels
        origins = {name: origin for origin, name in self._names.known().items()}
        if len(layer.inputs) < 2 or self._reads.get(origins.get(layer.inputs[1], ""), 0) != 1:
            return False
        bias = self._names.fresh(f"{self._names.of(output)}.shift")
        folded = batch_norm.fold(layer, self.tensors, affine, bias, self._names.of(output))
        if folded is None:
            return False
        self.nodes[index], self.tensors[layer.inputs[1]], self.tensors[bias] = folded
        for name in layer.inputs[2:]:
            if not any(name in node.inputs for node in self.nodes):
                del self.tensors[name]
        del self.values.shapes[source]
        return True

    def _operand(self, name: str) -> Operand:
        shape = self.values.constant_shape(name)
        if shape is not None:
            constant = self.values.constants.get(name)
            if constant is not None and constant.dtype != np.float32:
                raise UnfitError(
                    f"{name[:80]!a} is {constant.dtype}, not float32; convert it before export"
                )
            return Operand(shape, constant=True)
        shape = self.values.shapes.get(name)
        if shape is None:
            raise UnfitError(f"it reads {name[:80]!a}, which nothing writes before it")
        return Operand(shape, constant=False)

    def _keep(self, names: Sequence[str]) -> None:
        for name in names:
            if name in self.values.quantised:
                self.tensors[self._names.of(name)] = self.values.quantised[name]
            elif name in self.values.constants:
                constant = np.array(self.values.constants[name])
                self.tensors[self._names.of(name)] = FloatTensor(constant)


def _constant(site: Site) -> Array:
    """Return the value of a Constant node."""
    (entry,) = site.node.attribute or (None,)
    if entry is None or entry.name not in _CONSTANTS:
        raise UnfitError("a Constant of texts, or without a value")
    if entry.name == "value":
        return read_values(entry.t)
    value: Any = site.attribute(entry.name) if entry.name != "value_floats" else list(entry.floats)
    return np.array(value, dtype=_CONSTANTS[entry.name])


_CONSTANTS = {
    "value": None,
    "value_float": np.float32,
    "value_floats": np.float32,
    "value_int": np.int64,
    "value_ints": np.int64,
}
