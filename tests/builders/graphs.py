"""Small ONNX graphs by hand, as strangers write them, and what onnxruntime makes of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from bitprior_export.qonnx.execution import execute
from bitprior_export.qonnx.graph_check import check_graph
from bitprior_export.qonnx.reader import Translation, translate
from bitprior_runtime.engines.tape import NumpyProgram

Values = Mapping[str, NDArray[Any] | TensorProto]
node = helper.make_node


def graph(
    nodes: Sequence[NodeProto],
    constants: Values | None = None,
    sizes: Sequence[int | str] = ("batch", 4),
    opset: int = 18,
) -> ModelProto:
    """Return a model z -> x."""
    made = helper.make_graph(
        list(nodes),
        "graph",
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, list(sizes))],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, None)],
        [
            value if isinstance(value, TensorProto) else numpy_helper.from_array(value, name)
            for name, value in (constants or {}).items()
        ],
    )
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("qonnx.custom_op.general", 2)]
    model = helper.make_model(made, opset_imports=imports, ir_version=10)
    check_graph(model)
    return model


def translated(model: ModelProto, weight_bits: int | None = None) -> Translation:
    """Return the model as a program."""
    return translate(model, "generator", "z", "x", weight_bits)


def inputs(model: ModelProto, rows: int = 3) -> NDArray[np.float32]:
    """Return N(0, I) inputs."""
    sizes = [axis.dim_value for axis in model.graph.input[0].type.tensor_type.shape.dim[1:]]
    return np.random.default_rng(0).standard_normal((rows, *sizes), dtype=np.float32)


def assert_equal_everywhere(model: ModelProto, rows: int = 3, ort: bool = True) -> Translation:
    """Assert that program, qonnx's executor and, if it can, onnxruntime draw the same."""
    found = translated(model)
    z = inputs(model, rows)
    values = NumpyProgram(found.program, np.float32).forward({"z": z})
    executed = execute(found.model, z)
    for name, origin in found.names.items():
        np.testing.assert_allclose(values[name], executed[origin], rtol=1e-6, atol=2e-6)
    if ort:
        options = onnxruntime.SessionOptions()
        # Optimised, it multiplies 4-bit weights by activations rounded to 8 bits.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = onnxruntime.InferenceSession(model.SerializeToString(), options)
        (expected,) = session.run(None, {model.graph.input[0].name: z})
        assert values["x"].shape == expected.shape
        np.testing.assert_allclose(values["x"], expected, rtol=1e-6, atol=2e-6)
    return found
