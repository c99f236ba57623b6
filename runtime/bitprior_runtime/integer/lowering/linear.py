"""Gemm, MatMul, Conv and ConvTranspose: integer weights, a real scale a channel, a bias."""

from typing import cast

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.integer.lowering.call import Call, Lowered, Rule
from bitprior_runtime.integer.plan import Kind
from bitprior_runtime.integer.real import Floats, RealLinear, Weight
from bitprior_runtime.ops.convolution import Geometry
from bitprior_runtime.tensors import FloatTensor, QuantisedTensor, Tensor, grid_integers

# Float weights take part as integers of -127..127, one scale an output channel.
FLOAT_BITS = 8
FLOAT_MAX = 127


def quantise(tensor: FloatTensor, axis: int) -> QuantisedTensor:
    """Return 8-bit codes of a float weight on the narrow grid, a scale (absmax / 127) a channel.

    Nothing here is a sum: the result is the same on every machine.

    Args:
        tensor: The weight.
        axis: Its output channels.
    """
    values = tensor.values().astype(np.float64)
    others = tuple(a for a in range(values.ndim) if a != axis)
    largest = np.abs(values).max(axis=others)
    scale = np.where(largest > 0, largest / FLOAT_MAX, 1.0).astype(np.float32)
    shape = [1] * values.ndim
    shape[axis] = -1
    steps = scale.astype(np.float64).reshape(shape)
    integers = np.clip(np.rint(values / steps), -FLOAT_MAX, FLOAT_MAX)
    codes = (integers + 2 ** (FLOAT_BITS - 1)).astype(np.uint8)
    return QuantisedTensor(codes, FLOAT_BITS, "narrow", scale, axis)


def _weight(call: Call, tensor: Tensor, axis: int) -> tuple[NDArray[np.int16], Floats, Weight]:
    """Return integers, scales [length of the axis] and the weight they make."""
    if isinstance(tensor, FloatTensor):
        tensor = quantise(tensor, axis)
    if tensor.axis not in (None, axis):
        raise call.refuse(f"scales along axis {axis} of the weight", f"along axis {tensor.axis}")
    scale = np.broadcast_to(tensor.scale.astype(np.float64), tensor.shape[axis])
    if not (scale > 0).all():
        raise call.refuse("scales above zero", f"{scale.min():g}")
    multiplier, offset = grid_integers(tensor.grid, tensor.bits)
    integers = tensor.integers()
    return integers, scale, Weight(integers, tensor.bits, multiplier, offset, scale)


def _packed(integers: NDArray[np.int16]) -> NDArray[np.int8] | NDArray[np.int16]:
    small = integers.min() >= -128 and integers.max() <= 127
    return np.ascontiguousarray(integers, dtype=np.int8 if small else np.int16)


def _with(weight: Weight, integers: NDArray[np.int16], scale: Floats) -> Weight:
    return Weight(_packed(integers), weight.bits, weight.code_multiplier, weight.code_offset, scale)


def _bias(call: Call, channels: int, factor: float = 1.0) -> Floats:
    if len(call.node.inputs) < 3:
        return np.zeros(channels)
    return np.broadcast_to(call.constant(2).reshape(-1), channels) * factor


def _product(call: Call, transposed: bool, alpha: float, beta: float) -> Lowered:
    if alpha <= 0:
        raise call.refuse("alpha above zero", f"{alpha:g}")
    axis = 0 if transposed else 1
    integers, scale, weight = _weight(call, call.tensors[call.node.inputs[1]], axis)
    rows = integers if transposed else integers.T
    return [
        RealLinear(
            kind=Kind.DENSE,
            name=call.node.output,
            source=call.source,
            target=call.node.output,
            weight=_with(weight, rows, scale * alpha),
            bias=_bias(call, len(rows), beta),
            geometry=None,
            source_shape=call.source_shape,
            target_shape=call.shape,
            inner=1,
        )
    ]


def _gemm(call: Call) -> Lowered:
    transposed = bool(call.attributes["transB"])
    return _product(call, transposed, call.number("alpha"), call.number("beta"))


def _matmul(call: Call) -> Lowered:
    return _product(call, transposed=False, alpha=1.0, beta=1.0)


def _convolution(call: Call, kind: Kind) -> Lowered:
    axis = 0 if kind is Kind.CONV else 1
    integers, scale, weight = _weight(call, call.tensors[call.node.inputs[1]], axis)
    group = cast(int, call.attributes["group"])
    if kind is Kind.CONV_TRANSPOSE:  # the weight's axis 1 counts the channels of one group
        scale = np.tile(scale, group)
    channels, height, width = call.shape
    geometry = Geometry(
        kernel=cast(tuple[int, int], integers.shape[2:]),
        strides=cast(tuple[int, int], call.integers("strides")),
        pads=cast(tuple[int, int, int, int], call.integers("pads")),
        dilations=cast(tuple[int, int], call.integers("dilations")),
        group=group,
    )
    return [
        RealLinear(
            kind=kind,
            name=call.node.output,
            source=call.source,
            target=call.node.output,
            weight=_with(weight, integers, scale),
            bias=_bias(call, channels),
            geometry=geometry,
            source_shape=call.source_shape,
            target_shape=call.shape,
            inner=height * width,
        )
    ]


RULES: dict[str, Rule] = {
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Conv": lambda call: _convolution(call, Kind.CONV),
    "ConvTranspose": lambda call: _convolution(call, Kind.CONV_TRANSPOSE),
}
