"""Collect ONNX nodes and initialisers under fresh names."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, ValueInfoProto, helper, numpy_helper

from bitprior_export.graphs.form import PORTABLE, Form
from bitprior_runtime.program import Shape
from bitprior_runtime.version import __version__

BATCH = "batch"
COTANGENT = ".cotangent"
# An input from opset 18 on, an attribute before; ReduceSum changed in 13.
_AXES_INPUT_SINCE_18 = ("ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd")


class GraphBuilder:
    """A growing ONNX graph, or the body of a loop in one.

    Args:
        name: Name of the graph.
        form: Versions and batch.
        parent: The graph around a body. All constants of a body lie in the outermost graph, so
            that a loop reads them and does not make them again at each turn.
    """

    def __init__(
        self, name: str, form: Form = PORTABLE, parent: "GraphBuilder | None" = None
    ) -> None:
        self.name = name
        self.form = form
        self.nodes: list[onnx.NodeProto] = []
        self.root: GraphBuilder = parent.root if parent else self
        self.initialisers: list[onnx.TensorProto] = self.root.initialisers if parent else []
        self.tensors: dict[str, str] = self.root.tensors if parent else {}
        self._taken: set[str] = self.root._taken if parent else set()

    def body(self, name: str) -> "GraphBuilder":
        """Return a builder for the body of a loop; its names are fresh in the whole model."""
        return GraphBuilder(name, self.form, self)

    def fresh(self, stem: str) -> str:
        """Return a name nothing in the model has yet."""
        name, count = stem, 1
        while name in self._taken:
            name, count = f"{stem}.{count}", count + 1
        self._taken.add(name)
        return name

    def add(self, op: str, inputs: Sequence[str], stem: str = "", **attributes: Any) -> str:
        """Append a node with one output and return the output's name."""
        (output,) = self.add_many(op, inputs, [stem or op], **attributes)
        return output

    def add_many(
        self, op: str, inputs: Sequence[str], stems: Sequence[str], **attributes: Any
    ) -> list[str]:
        """Append a node with an output a stem and return their names."""
        outputs = [self.fresh(stem) for stem in stems]
        if op in _AXES_INPUT_SINCE_18 and len(inputs) == 2 and self.form.opset < 18:
            (axes,) = (tensor for tensor in self.initialisers if tensor.name == inputs[1])
            attributes["axes"], inputs = numpy_helper.to_array(axes).tolist(), inputs[:1]
        self.nodes.append(
            helper.make_node(op, list(inputs), outputs, name=outputs[0], **attributes)
        )
        return outputs

    def constant(self, values: NDArray[Any], stem: str) -> str:
        """Add an initialiser and return its name."""
        name = self.fresh(stem)
        self.initialisers.append(numpy_helper.from_array(np.asarray(values, order="C"), name))
        return name

    def scalar(self, value: float, stem: str) -> str:
        """Add a float32 scalar."""
        return self.constant(np.array(value, dtype=np.float32), stem)

    def integers(self, values: Sequence[int], stem: str) -> str:
        """Add an int64 vector: axes, shapes."""
        return self.constant(np.array(values, dtype=np.int64), stem)

    def raw(self, tensor: onnx.TensorProto) -> str:
        """Add an initialiser that numpy has no type for."""
        tensor.name = self.fresh(tensor.name)
        self.initialisers.append(tensor)
        return tensor.name

    def name_cotangent(self, value: str, tensor: str) -> str:
        """Name the cotangent of a tensor after it, so that a check finds it in the file."""
        last = self.nodes[-1]
        if list(last.output) != [value] or value.endswith(COTANGENT):
            return self.add("Identity", [value], f"{tensor}{COTANGENT}")
        last.output[0] = last.name = self.fresh(f"{tensor}{COTANGENT}")
        return last.name

    def rename_output(self, name: str, wanted: str) -> str:
        """Give a value its public name."""
        self._taken.add(wanted)
        self.nodes.append(helper.make_node("Identity", [name], [wanted], name=f"output {wanted}"))
        return wanted

    def value(self, name: str, shape: Shape) -> ValueInfoProto:
        """Describe a float32 value of shape [batch, *shape]."""
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [self.rows, *shape])

    @property
    def rows(self) -> int | str:
        """The batch axis: a number, or the name of the free axis."""
        return BATCH if self.form.batch is None else self.form.batch

    def model(
        self,
        inputs: Mapping[str, Shape | ValueInfoProto],
        outputs: Mapping[str, Shape | ValueInfoProto],
        metadata: Mapping[str, str],
    ) -> onnx.ModelProto:
        """Return the checked model.

        Args:
            inputs: Inputs by name: their shapes without the batch axis, which is put in front,
                or what else they are.
            outputs: Likewise.
            metadata: What the file says about itself.
        """
        graph = helper.make_graph(
            self.nodes,
            self.name,
            [self._described(name, what) for name, what in inputs.items()],
            [self._described(name, what) for name, what in outputs.items()],
            self.initialisers,
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", self.form.opset)],
            ir_version=self.form.ir_version,
            producer_name="bitprior",
            producer_version=__version__,
        )
        helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model, full_check=True)
        return model

    def _described(self, name: str, what: Shape | ValueInfoProto) -> ValueInfoProto:
        return self.value(name, what) if isinstance(what, tuple) else what
