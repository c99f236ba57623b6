"""A(G(z)) as an ONNX graph that ONNX Runtime Training can differentiate with respect to z."""

import numpy as np
import onnx
from onnx import TensorProto, helper

from bitprior_export.graphs.builder import GraphBuilder
from bitprior_export.graphs.operands import emit_operands
from bitprior_export.graphs.training.rewriting import differentiable
from bitprior_runtime.errors import UsageError
from bitprior_runtime.program import Program
from bitprior_runtime.shapes import infer_shapes
from bitprior_runtime.version import __version__

# The newest that onnxruntime-training 1.19.2 differentiates, and the newest IR it reads.
OPSET = 14
IR_VERSION = 10
LATENT = "z"


def build_measured(generator: Program, sensing: Program, rows: int) -> onnx.ModelProto:
    """Return the graph A(G(z)) without inputs: z is an initialiser, [rows, k].

    All weights are float32, and every op is one that ONNX Runtime Training differentiates or names.

    Raises:
        UsageError: A program cannot be rewritten for ONNX Runtime Training.
        ProgramError: A program is malformed.
    """
    (shape,) = generator.inputs.values()
    builder = GraphBuilder("training")
    z = builder.constant(np.zeros((rows, *shape), np.float32), LATENT)
    image = _emit(builder, differentiable(generator), z)
    measured = _emit(builder, differentiable(sensing), image)
    output = builder.rename_output(measured, "y")
    value = helper.make_tensor_value_info(
        output, TensorProto.FLOAT, [rows, *infer_shapes(sensing)[sensing.output]]
    )
    graph = helper.make_graph(builder.nodes, builder.name, [], [value], builder.initialisers)
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="bitprior",
        producer_version=__version__,
    )
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise UsageError(
            f"ops that ONNX opset {OPSET} has",
            str(error).strip().partition("\n")[0],
            "leave the target onnx-training out",
        ) from error
    return model


def _emit(builder: GraphBuilder, program: Program, source: str) -> str:
    shapes = infer_shapes(program)
    (entry,) = program.inputs
    names = {entry: source}
    for name, tensor in program.tensors.items():
        names[name] = builder.constant(tensor.values(), f"{program.name}/{name}")
    for node in program.nodes:
        stem = f"{program.name}/{node.output}"
        operands, attributes = emit_operands(builder, node, shapes[node.inputs[0]], stem)
        inputs = [names[name] for name in node.inputs]
        names[node.output] = builder.add(node.op, [*inputs, *operands], stem, **attributes)
    return names[program.output]
