"""Run a QONNX graph in qonnx's executor: the reference of what the file means."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray
from onnx import ModelProto
from qonnx.core.onnx_exec import execute_onnx

from bitprior_export.qonnx.batch import at_batch
from bitprior_runtime.errors import CheckFailedError


def execute(model: ModelProto, inputs: NDArray[Any]) -> Mapping[str, NDArray[Any]]:
    """Return every tensor of the graph by name for a batch of inputs.

    Raises:
        CheckFailedError: The graph does not run on a batch of this size.
    """
    try:
        executed: Mapping[str, NDArray[Any]] = execute_onnx(
            at_batch(model, len(inputs)),
            {model.graph.input[0].name: inputs},
            return_full_exec_context=True,
        )
    except Exception as error:  # qonnx raises plain Exception, onnxruntime its own
        raise CheckFailedError(
            f"a graph that runs on a batch of {len(inputs)}",
            str(error).strip().partition("\n")[0],
            "keep constants of the network independent of the batch size",
        ) from error
    return executed
