"""The batch axis of a QONNX graph: free in the file, fixed where qonnx's executor runs it."""

import numpy as np
from onnx import ModelProto, TensorProto, ValueInfoProto, numpy_helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.infer_shapes import InferShapes

from bitprior_export.qonnx.site import BATCH_MARK

BATCH = "batch"


def free_batch(model: ModelProto, traced: int) -> ModelProto:
    """Turn the batch size a network was traced with into a free axis.

    A Reshape to (traced, ...) becomes one to (0, ...): ONNX's "as in the input".

    Args:
        model: A cleaned model with one input and one output.
        traced: Batch size it was exported at.
    """
    freed = _copy(model)
    targets = {node.input[1] for node in freed.graph.node if node.op_type == "Reshape"}
    for tensor in freed.graph.initializer:
        if tensor.name in targets:
            shape = numpy_helper.to_array(tensor).copy()
            if shape[0] == traced:
                shape[0] = 0
                tensor.CopyFrom(numpy_helper.from_array(shape, tensor.name))
    for value in (freed.graph.input[0], freed.graph.output[0]):
        value.type.tensor_type.shape.dim[0].dim_param = BATCH
    return _infer_again(freed)


def at_batch(model: ModelProto, size: int) -> ModelWrapper:
    """Return a copy of ``model`` with its free batch axis fixed, as qonnx's executor needs it."""
    fixed = _copy(model)
    for value in (fixed.graph.input[0], fixed.graph.output[0]):
        _set_batch(value, size)
    for tensor in fixed.graph.initializer:
        if tensor.data_type == TensorProto.INT64 and len(tensor.dims) == 1:
            sizes = numpy_helper.to_array(tensor)
            if (sizes == BATCH_MARK).any():
                marked = np.where(sizes == BATCH_MARK, size, sizes)
                tensor.CopyFrom(numpy_helper.from_array(marked, tensor.name))
    return ModelWrapper(_infer_again(fixed))


def _set_batch(value: ValueInfoProto, size: int) -> None:
    value.type.tensor_type.shape.dim[0].dim_value = size


def _copy(model: ModelProto) -> ModelProto:
    copy = ModelProto()
    copy.CopyFrom(model)
    return copy


def _infer_again(model: ModelProto) -> ModelProto:
    del model.graph.value_info[:]
    inferred: ModelProto = ModelWrapper(model).transform(InferShapes()).model
    return inferred
