"""Open an exported ONNX graph in onnxruntime, with the settings its low-bit weights need."""

import os
from collections.abc import Sequence
from typing import Any

from bitprior_runtime.errors import MissingExtraError, UsageError

CPU = "CPUExecutionProvider"
# DequantizeLinear of INT4 and INT2 weights is not folded at load otherwise, but done again at each
# run: ten times slower.
_FOLD_WEIGHTS = ("session.disable_quant_qdq", "1")
# DequantizeLinear and MatMul become MatMulNBits, which by default rounds activations to 8 bits: an
# error of 5e-3. Level 0 keeps them in float32.
_EXACT = ("session.qdq_matmulnbits_accuracy_level", "0")


# In order of preference.
_PROVIDERS = ("TensorrtExecutionProvider", "CUDAExecutionProvider", CPU)


def available_providers() -> tuple[str, ...]:
    """Return the execution providers this build of onnxruntime lists, the fastest first.

    Raises:
        MissingExtraError: onnxruntime is not installed.
    """
    listed = _onnxruntime().get_available_providers()
    return tuple(name for name in _PROVIDERS if name in listed)


def _onnxruntime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError("onnxruntime", "ort", "ONNX graphs") from error
    return onnxruntime


def open_session(
    model: bytes | str | os.PathLike[str], threads: int = 1, providers: Sequence[str] = (CPU,)
) -> Any:
    """Open a graph.

    Args:
        model: A file, or the bytes of one.
        threads: Threads within an op; ops never run side by side.
        providers: onnxruntime's execution providers, the first one preferred.

    Returns:
        An ``onnxruntime.InferenceSession``.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        UsageError: onnxruntime cannot load the graph.
    """
    onnxruntime = _onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 4  # fatal ones: errors come as exceptions
    for key, value in (_FOLD_WEIGHTS, _EXACT):
        options.add_session_config_entry(key, value)
    source = model if isinstance(model, bytes) else os.fspath(model)
    try:
        return onnxruntime.InferenceSession(source, options, providers=list(providers))
    except Exception as error:  # onnxruntime's errors have no common class but this one
        name = "the graph" if isinstance(model, bytes) else os.fspath(model)
        raise UsageError(
            f"a graph that onnxruntime {onnxruntime.__version__} can load in {name}",
            str(error).strip().partition("\n")[0],
            "export it for the target it runs on: bitprior export --target",
        ) from error
