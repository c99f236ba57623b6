"""Write a torch network, quantised by brevitas or plain float, as a checked QONNX file."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import ModelProto
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.cleanup import cleanup_model
from torch import Tensor, nn

from bitprior_export.errors import ExportError
from bitprior_export.qonnx.batch import free_batch
from bitprior_export.qonnx.check import check_against_torch, check_cases
from bitprior_export.qonnx.comparison import CheckReport
from bitprior_export.qonnx.known_warnings import quiet_brevitas_import, quiet_export
from bitprior_export.qonnx.module_state import evaluating, preserved
from bitprior_export.qonnx.names import mark_origins, name_after_modules
from bitprior_export.qonnx.properties import properties
from bitprior_export.qonnx.recording import is_quantised, leaf_modules
from bitprior_runtime.errors import BitpriorError, UsageError
from bitprior_runtime.files import check_writable, write_atomically

# Pinned: old enough for the onnxruntime of any board, and onnx's own default is ahead of
# onnxruntime's kernels.
OPSET = 17
IR_VERSION = 8
# Two rows, so that an axis of size one is not taken for the batch.
_TRACED_BATCH = 2


def write_qonnx(
    module: nn.Module,
    example: Tensor,
    path: str | os.PathLike[str],
    *,
    name: str,
    input_name: str,
    output_name: str,
    metadata: Mapping[str, object],
) -> CheckReport:
    """Export ``module``, check it node by node against torch, and only then write the file.

    The module stays as it was, also when anything raises: modes, ``requires_grad``, hooks and
    brevitas' export state. (Quantisers that take their scale from their first forward pass have
    had one afterwards.)

    Args:
        module: One tensor in, one tensor out, both with a leading batch axis.
        example: Realistic inputs [B, ...] float32; the file's batch axis is free.
        path: File to write.
        name: Name of the graph, ``"generator"`` or ``"sensing"``.
        input_name: Name of its input, e.g. ``"z"``.
        output_name: Name of its output, e.g. ``"x"``.
        metadata: Facts kept in the file's properties, as JSON: bits, geometry, value range...

    Returns:
        What the check compared.

    Raises:
        UsageError: An argument is wrong, or ``path`` is not writable; nothing was done.
        ExportError: torch, brevitas or qonnx cannot export this network.
        CheckFailedError: The exported graph differs from torch; nothing was written.
    """
    check_writable(path)
    facts = properties(name, metadata)
    _check_example(example)
    _check_names(name, input_name, output_name)
    with evaluating(module):
        # Quantisers with scales from statistics settle on them in their first forward pass.
        module(example[:1])
        with preserved(module):
            model = _export(module, example, input_name, output_name)
            model.graph.name = name
            onnx.helper.set_model_props(model, facts)
            report = check_against_torch(model, module, check_cases(example))
    write_atomically(path, model.SerializeToString())
    return report


def _check_example(example: Tensor) -> None:
    fits = example.ndim >= 2 and example.numel() > 0 and example.dtype == torch.float32
    if not fits or not bool(example.isfinite().all()):
        raise UsageError(
            "a finite float32 example [B, ...]",
            f"{example.dtype} of shape {tuple(example.shape)}"
            + ("" if not fits else ", with NaN or Inf"),
            "pass a few inputs of the network",
        )


def _check_names(name: str, input_name: str, output_name: str) -> None:
    if not name or not input_name or not output_name or input_name == output_name:
        raise UsageError(
            "a graph name and two different names for input and output",
            f"{name!r}, {input_name!r}, {output_name!r}",
            "name them, e.g. 'generator', 'z', 'x'",
        )


def _export(module: nn.Module, example: Tensor, input_name: str, output_name: str) -> ModelProto:
    """Return the cleaned, named graph with a free batch axis."""
    try:
        traced = _trace(module, example[:1].repeat(_TRACED_BATCH, *[1] * (example.ndim - 1)))
        mark_origins(traced)
        model: ModelProto = cleanup_model(ModelWrapper(traced)).model
        name_after_modules(model, leaf_modules(module), input_name, output_name)
        freed = free_batch(model, _TRACED_BATCH)
        freed.ir_version = IR_VERSION
        onnx.checker.check_model(freed)
    except BitpriorError:
        raise
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        raise ExportError(
            "a network that QONNX can express",
            f"{type(error).__name__}: {reason}",
            "use brevitas layers with weights of 1 to 8 bits, or torch's own, and tensor shapes "
            "that do not depend on values",
        ) from error
    return freed


def _trace(module: nn.Module, example: Tensor) -> ModelProto:
    """Trace by TorchScript: its node names hold module paths, and it takes milliseconds.

    torch's newer exporter needs seconds, logs to stderr and loses the parameters' names.
    """
    options: dict[str, Any] = {
        "dynamo": False,
        "opset_version": OPSET,
        "keep_initializers_as_inputs": False,
        # The module is in eval mode. EVAL would merge batch norms into their neighbours, and then
        # nodes could not be compared; qonnx's cleanup folds the constants.
        "training": torch.onnx.TrainingMode.PRESERVE,
        "do_constant_folding": False,
    }
    with quiet_export(), tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "traced.onnx")
        if any(map(is_quantised, module.modules())):
            with quiet_brevitas_import():
                from brevitas.export import export_qonnx
            export_qonnx(module, args=example, export_path=path, disable_warnings=False, **options)
        else:
            # brevitas would do, but complains on stderr of its op domain not being used.
            torch.onnx.export(module, (example,), path, **options)
        return onnx.load(path)
