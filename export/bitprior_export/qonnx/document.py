"""Open an ONNX file from anywhere: whole, self-contained, valid, of a known size."""

import os

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import ModelProto

from bitprior_export.errors import InterfaceError, MalformedOnnxError, SizeLimitError
from bitprior_export.qonnx.graph_check import check_graph
from bitprior_runtime.files import read_bytes

MAX_FILE_BYTES = 512 * 2**20
MAX_NODES = 4096
MAX_TENSORS = 4096
# Broadcasting, Reshape and the activations mean the same from here on.
MIN_OPSET = 13
MAX_OPSET = 25


def open_onnx(path: str | os.PathLike[str]) -> ModelProto:
    """Read an ONNX file and check it against ONNX's rules and export's limits.

    Nothing of the file is turned into arrays before its sizes are checked, and no other file is
    opened, whatever it says.

    Raises:
        MissingFileError: No such file, or it is larger than MAX_FILE_BYTES.
        MalformedOnnxError: Not ONNX, cut short, or invalid; subclasses for cycles, names that
            occur twice and tensors whose values do not fill their shape.
        ExternalDataError: Some tensors lie in other files.
        SubgraphError, LocalFunctionError, SparseTensorError, TensorTypeError: ONNX, but with
            what no program can hold.
        SizeLimitError: Too many nodes, tensors, inputs or values of an attribute.
        InterfaceError: An opset whose meaning of the ops is another.
    """
    data = read_bytes(path, MAX_FILE_BYTES)
    try:
        model: ModelProto = ModelProto.FromString(data)
    except DecodeError as error:
        raise _malformed(path, "not ONNX, cut short, or nested too deep") from error
    _check_counts(model)
    check_graph(model)
    _check_opset(model)
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError, TypeError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise _malformed(path, reason) from error
    return model


def _malformed(path: str | os.PathLike[str], found: str) -> MalformedOnnxError:
    return MalformedOnnxError(
        f"a valid ONNX file {os.fspath(path)}", found, "write it again, or copy it again"
    )


def _check_counts(model: ModelProto) -> None:
    counts = {"nodes": len(model.graph.node), "tensors": len(model.graph.initializer)}
    limits = {"nodes": MAX_NODES, "tensors": MAX_TENSORS}
    for kind, count in counts.items():
        if count > limits[kind]:
            raise SizeLimitError(f"at most {limits[kind]} {kind}", f"{count}", "use a smaller net")


def _check_opset(model: ModelProto) -> None:
    versions = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    if len(versions) != 1 or not MIN_OPSET <= versions[0] <= MAX_OPSET:
        raise InterfaceError(
            f"one ONNX opset of version {MIN_OPSET} to {MAX_OPSET}",
            f"{versions or 'none'}",
            "convert it with onnx.version_converter, or export it with opset_version=17",
        )
