"""Collect ONNX nodes and initialisers under fresh names."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from bitprior_runtime.program import Shape
from bitprior_runtime.version import __version__

# BitwiseAnd needs 18, DequantizeLinear of INT4 21. Never onnx's default: runtimes lag behind it.
OPSET = 21
IR_VERSION = 10
BATCH = "batch"


class GraphBuilder:
    """A growing ONNX graph.

    Args:
        name: Name of the graph.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.nodes: list[onnx.NodeProto] = []
        self.initialisers: list[onnx.TensorProto] = []
        self._taken: set[str] = set()

    def fresh(self, stem: str) -> str:
        """Return a name nothing in the graph has yet."""
        name, count = stem, 1
        while name in self._taken:
            name, count = f"{stem}.{count}", count + 1
        self._taken.add(name)
        return name

    def add(self, op: str, inputs: Sequence[str], stem: str = "", **attributes: Any) -> str:
        """Append a node with one output and return the output's name."""
        output = self.fresh(stem or op)
        self.nodes.append(helper.make_node(op, list(inputs), [output], name=output, **attributes))
        return output

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

    def rename_output(self, name: str, wanted: str) -> str:
        """Give a value its public name."""
        self._taken.add(wanted)
        self.nodes.append(helper.make_node("Identity", [name], [wanted], name=f"output {wanted}"))
        return wanted

    def model(
        self,
        inputs: Mapping[str, Shape],
        outputs: Mapping[str, Shape],
        metadata: Mapping[str, str],
    ) -> onnx.ModelProto:
        """Return the checked model; every input and output gets a leading batch axis."""
        graph = helper.make_graph(
            self.nodes,
            self.name,
            [_value(name, shape) for name, shape in inputs.items()],
            [_value(name, shape) for name, shape in outputs.items()],
            self.initialisers,
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="bitprior",
            producer_version=__version__,
        )
        helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model, full_check=True)
        return model


def _value(name: str, shape: Shape) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [BATCH, *shape])
