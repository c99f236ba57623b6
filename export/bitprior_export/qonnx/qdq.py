"""ONNX's own quantisation of constant weights: QuantizeLinear, Clip and DequantizeLinear."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from bitprior_export.qonnx.site import Site
from bitprior_export.qonnx.values import Array, Integers, UnfitError
from bitprior_runtime.tensors import Grid, QuantisedTensor

OPS = ("QuantizeLinear", "DequantizeLinear")
MAX_BITS = 8
# By the name of numpy's or ml_dtypes' type.
_RANGES: Mapping[str, tuple[int, int]] = {
    **{f"int{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (2, 4, 8)},
    **{f"uint{bits}": (0, 2**bits - 1) for bits in (2, 4, 8)},
}
_OUTPUT_TYPES = {2: "uint8", 3: "int8", 21: "uint4", 22: "int4", 25: "uint2", 26: "int2"}


def integers_of(values: Array) -> Integers | None:
    """Return a constant as integers of the range of its type; None if its type is another."""
    if values.dtype.name not in _RANGES:
        return None
    return Integers(values.astype(np.int32), *_RANGES[values.dtype.name])


def quantise_linear(site: Site) -> Integers:
    """Return round(w / scale) + zero point, saturated, as ONNX defines QuantizeLinear.

    Raises:
        UnfitError: It does not read a constant, or its integers are not of 2, 4 or 8 bits.
    """
    weight, axis = site.constant(0), _axis(site)
    scale = _scale(site, weight.shape, axis)
    if weight.dtype != np.float32:
        raise UnfitError(f"it quantises {weight.dtype}, not float32")
    kind = _OUTPUT_TYPES.get(site.attribute("output_dtype", 0), "uint8")
    zero: Any = 0
    if site.has(2):
        kind = site.constant(2).dtype.name
        zero = _spread(site.constant(2).astype(np.int32), weight.shape, axis)
    if kind not in _RANGES:
        raise UnfitError(f"it quantises to {kind}; integers of 2, 4 and 8 bits are known")
    low, high = _RANGES[kind]
    with np.errstate(over="ignore"):  # a tiny scale: infinity saturates like any large value
        levels = np.rint(weight / _spread(scale, weight.shape, axis)) + zero
    return Integers(np.clip(levels, low, high).astype(np.int32), low, high)


def clip_integers(site: Site, integers: Integers) -> Integers:
    """Return integers after a Clip, which may say that they have fewer bits than their type."""
    low = max(integers.low, int(site.scalar(1))) if site.has(1) else integers.low
    high = min(integers.high, int(site.scalar(2))) if site.has(2) else integers.high
    if low > high:
        raise UnfitError(f"it clips to {low}..{high}")
    return Integers(np.clip(integers.values, low, high), low, high)


def dequantise_linear(site: Site, integers: Integers) -> QuantisedTensor:
    """Return the codes of (q - zero point) * scale, exactly.

    Raises:
        UnfitError: Scales in blocks or not above zero, or more levels than MAX_BITS can tell.
    """
    shape, axis = integers.values.shape, _axis(site)
    scale = _scale(site, shape, axis)
    zero = np.zeros((), dtype=np.int32)
    if site.has(2):
        zero = site.constant(2).astype(np.int32)
    if zero.size == 0 or (zero != zero.reshape(-1)[0]).any():
        raise UnfitError("zero points that differ from channel to channel")
    shift = int(zero.reshape(-1)[0])
    bits = _bits(integers.low - shift, integers.high - shift)
    levels = 2 ** (bits - 1)
    narrow = integers.low - shift > -levels
    grid: Grid = "narrow" if narrow else "wide"
    found = QuantisedTensor(
        (integers.values - shift + levels).astype(np.uint8),
        bits,
        grid,
        scale.reshape(()) if scale.size == 1 else scale,
        None if scale.size == 1 else axis,
    )
    exact = (integers.values - shift).astype(np.float32) * _spread(scale, shape, axis)
    if not np.array_equal(found.values(), exact):
        raise UnfitError("its codes do not give its values")
    return found


def dequantise_wide(site: Site) -> Array:
    """Return the float32 values of 32-bit integers, as biases have them."""
    values, axis = site.constant(0), _axis(site)
    scale = _scale(site, values.shape, axis)
    if site.has(2) and site.constant(2).any():
        raise UnfitError("32-bit integers with a zero point")
    return np.asarray(values.astype(np.float32) * _spread(scale, values.shape, axis))


def _bits(low: int, high: int) -> int:
    for bits in range(2, MAX_BITS + 1):
        if -(2 ** (bits - 1)) <= low and high < 2 ** (bits - 1):
            return bits
    raise UnfitError(
        f"integers of {low}..{high} behind the zero point; "
        f"zero point 0 for signed and 2^(bits-1) for unsigned ones fit {MAX_BITS} bits"
    )


def _axis(site: Site) -> int:
    if site.attribute("block_size", 0):
        raise UnfitError("scales in blocks; use one scale, or one per channel")
    return int(site.attribute("axis", 1))


def _scale(site: Site, shape: tuple[int, ...], axis: int) -> Array:
    scale = site.constant(1)
    if scale.dtype != np.float32:
        raise UnfitError(f"scales of {scale.dtype}, not float32")
    per_channel = scale.ndim == 1 and -len(shape) <= axis < len(shape) and scale.size == shape[axis]
    if scale.size != 1 and not per_channel:
        raise UnfitError(f"scales {scale.shape} along axis {axis} of {shape}")
    if not ((scale > 0) & (scale < np.inf)).all():
        raise UnfitError("scales that are not finite and above zero")
    return scale


def _spread(values: Array, shape: tuple[int, ...], axis: int) -> Array:
    if values.size == 1:
        return values.reshape(())
    if values.ndim != 1 or not -len(shape) <= axis < len(shape) or values.size != shape[axis]:
        raise UnfitError(f"{values.shape} zero points along axis {axis} of {shape}")
    return values.reshape([-1 if index == axis % len(shape) else 1 for index in range(len(shape))])
