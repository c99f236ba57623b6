"""QONNX's Quant and BipolarQuant nodes on constant weights, as integer codes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, helper
from qonnx.custom_op.general.bipolar_quant import binary_quant
from qonnx.custom_op.general.intquant import int_quant

from bitprior_export.errors import QuantiserError
from bitprior_export.qonnx.site import Site
from bitprior_export.qonnx.values import UnfitError
from bitprior_runtime.tensors import Grid, QuantisedTensor

DOMAINS = ("qonnx.custom_op.general", "finn.custom_op.general", "onnx.brevitas", "finn")
OPS = ("Quant", "IntQuant", "BipolarQuant")
MOVES = ("Transpose", "Reshape", "Identity")
MAX_BITS = 8
_ROUNDING = ("ROUND", "HALF_EVEN")

Constants = Mapping[str, NDArray[Any]]


def is_quantiser(node: NodeProto) -> bool:
    """Return whether ``node`` is one of QONNX's weight quantisers."""
    return node.op_type in OPS and node.domain in DOMAINS


def quantise(node: NodeProto, constants: Constants) -> QuantisedTensor:
    """Return the integer codes of the constant a quantiser reads, exactly.

    Args:
        node: The quantiser; all its inputs are constants.
        constants: Values by name.

    Raises:
        QuantiserError: A grid or scale that codes cannot express, or codes that do not give
            back what qonnx itself makes of the node.
    """
    values = [constants[name] for name in node.input]
    if any(value.dtype != np.float32 for value in values):
        raise _unfit(node, "float32 inputs", ", ".join(str(value.dtype) for value in values))
    if node.op_type == "BipolarQuant":
        tensor, expected = _bipolar(node, values)
    else:
        tensor, expected = _integer(node, values)
    if not np.array_equal(tensor.values(), expected):
        raise _unfit(node, "codes that give qonnx's own values", "other values")
    return tensor


def _bipolar(
    node: NodeProto, inputs: Sequence[NDArray[Any]]
) -> tuple[QuantisedTensor, NDArray[Any]]:
    weight, scale = _take(node, inputs, 2)
    axis = _channel_axis(node, weight, scale)
    codes = (weight >= 0).astype(np.uint8)
    return _tensor(codes, 1, "binary", scale, axis), binary_quant(weight, scale)


def _integer(
    node: NodeProto, inputs: Sequence[NDArray[Any]]
) -> tuple[QuantisedTensor, NDArray[Any]]:
    """Codes of round(clip(w / scale)), as qonnx defines Quant."""
    weight, scale, zero_point, width = _take(node, inputs, 4)
    axis = _channel_axis(node, weight, scale)
    bits = _bits(node, width)
    signed, narrow, rounding = _attributes(node)
    levels = 2 ** (bits - 1)
    zero = np.float32(0 if signed else levels)
    if rounding not in _ROUNDING or zero_point.size == 0 or (zero_point != zero).any():
        raise _unfit(
            node,
            "a signed grid with zero point 0, or an unsigned one with zero point 2^(bits-1), and "
            "rounding ROUND",
            f"signed {signed}, zero point {zero_point.ravel()[:3].tolist()}, rounding {rounding!r}",
        )
    # Unsigned and narrow leaves the highest level out, which no grid of ours does: wide holds it.
    low, high = (narrow - levels, levels - 1) if signed else (0, 2 * levels - 1 - narrow)
    with np.errstate(over="ignore"):  # a tiny scale: infinity is clipped like any large value
        integers = np.round(np.clip(weight / scale + zero, low, high)) - zero
        expected = int_quant(weight, scale, zero, np.float32(bits), signed, narrow, rounding)
    codes = (integers + levels).astype(np.uint8)
    grid: Grid = "narrow" if narrow and signed else "wide"
    return _tensor(codes, bits, grid, scale, axis), expected


def _take(node: NodeProto, inputs: Sequence[NDArray[Any]], count: int) -> Sequence[NDArray[Any]]:
    if len(inputs) != count:
        raise _unfit(node, f"{count} inputs", f"{len(inputs)}")
    weight, scale = inputs[0], inputs[1]
    if weight.size == 0 or not np.isfinite(weight).all():
        raise _unfit(node, "finite weights", "NaN or Inf, or none at all")
    if not ((scale > 0) & (scale < np.inf)).all():
        raise _unfit(node, "finite scales above zero", f"{float(scale.min())}")
    return inputs


def _bits(node: NodeProto, width: NDArray[Any]) -> int:
    value = float(width.reshape(-1)[0]) if width.size == 1 else 0.0
    if not value.is_integer() or not 2 <= value <= MAX_BITS:
        raise _unfit(
            node, f"one bit width of 2 to {MAX_BITS} (BipolarQuant for 1)", f"{width.tolist()}"
        )
    return int(value)


def _attributes(node: NodeProto) -> tuple[int, int, str]:
    """Return signed, narrow and the rounding mode, qonnx's defaults filled in."""
    found = {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}
    signed, narrow = found.get("signed", 1), found.get("narrow", 1)
    rounding = found.get("rounding_mode", b"ROUND")
    if signed not in (0, 1) or narrow not in (0, 1) or not isinstance(rounding, bytes):
        raise _unfit(node, "signed and narrow of 0 or 1, rounding_mode a name", f"{found}")
    return int(signed), int(narrow), rounding.decode("ascii", "replace").upper()


def _channel_axis(node: NodeProto, weight: NDArray[Any], scale: NDArray[Any]) -> int | None:
    """Return the axis of the weight along which scales differ; None for one scale."""
    if scale.size == 1:
        return None
    # numpy's broadcasting: axes count from the last.
    full = (1,) * (weight.ndim - scale.ndim) + scale.shape
    axes = [axis for axis, size in enumerate(full) if size != 1]
    if len(full) != weight.ndim or len(axes) != 1 or full[axes[0]] != weight.shape[axes[0]]:
        raise _unfit(
            node, f"one scale, or one per channel of {weight.shape}", f"scales {scale.shape}"
        )
    return axes[0]


def moved(tensor: QuantisedTensor, site: Site) -> QuantisedTensor:
    """Return a quantised constant behind a Transpose, Reshape or Identity.

    Raises:
        UnfitError: Its scales would no longer belong to one axis.
    """
    axis, codes = tensor.axis, tensor.codes
    if site.op == "Transpose":
        perm = site.attribute("perm", tuple(reversed(range(codes.ndim))))
        moved_axis = None if axis is None else perm.index(axis)
        return replace(tensor, codes=codes.transpose(perm), axis=moved_axis)
    if site.op == "Reshape":
        target = [size or codes.shape[place] for place, size in enumerate(site.integers(1))]
        codes = codes.reshape(target)
        if axis is not None and codes.shape[: axis + 1] != tensor.shape[: axis + 1]:
            raise UnfitError(f"its scales belong to axis {axis}, which it does not keep")
        return replace(tensor, codes=codes)
    return tensor


def _tensor(
    codes: NDArray[np.uint8], bits: int, grid: Grid, scale: NDArray[Any], axis: int | None
) -> QuantisedTensor:
    shape = () if axis is None else (scale.size,)
    return QuantisedTensor(codes, bits, grid, np.array(scale.reshape(shape)), axis)


def _unfit(node: NodeProto, expected: str, found: str) -> QuantiserError:
    return QuantiserError(
        f"{node.op_type} {node.name!a} with {expected}",
        found,
        "quantise weights on the binary, wide or narrow grid with brevitas",
    )
