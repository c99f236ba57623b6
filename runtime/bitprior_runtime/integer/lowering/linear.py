"""Gemm, MatMul, Conv and ConvTranspose: integer weights, a real scale a channel, a bias."""

from dataclasses import replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.integer.lowering.call import Call, Lowered, Rule
from bitprior_runtime.integer.plan import Kind
from bitprior_runtime.integer.real import Floats, RealLinear, Weight
from bitprior_runtime.ops.convolution import Geometry
from bitprior_runtime.tensors import FloatTensor, grid_integers


def quantise(values: NDArray[np.float32], bits: int, axis: int) -> Weight:
    """Return integers for a float weight, a scale a channel: its absmax / (2^(bits - 1) - 1).

    Nothing here is a sum: the result is the same on every machine.

    Args:
        values: The weight.
        bits: Bit width; the integers are symmetric about 0.
        axis: Output channels of the weight.
    """
    exact = values.astype(np.float64)
    largest = (1 << (bits - 1)) - 1
    absmax = np.abs(exact).max(axis=tuple(a for a in range(exact.ndim) if a != axis))
    scale = np.where(absmax > 0, absmax / largest, 1.0)
    shape = [1] * exact.ndim
    shape[axis] = -1
    integers = np.rint(exact / scale.reshape(shape)).astype(np.int16)
    return Weight(integers, bits, 1, 1 << (bits - 1), scale)


def _weight(call: Call, axis: int) -> Weight:
    tensor = call.tensors[call.node.inputs[1]]
    if isinstance(tensor, FloatTensor):
        return quantise(tensor.values(), call.weight_bits, axis)
    if tensor.axis not in (None, axis):
        raise call.refuse(f"scales along axis {axis} of the weight", f"along axis {tensor.axis}")
    scale = np.broadcast_to(tensor.scale.astype(np.float64), tensor.shape[axis])
    if not (scale > 0).all():
        raise call.refuse("scales above zero", f"{scale.min():g}")
    return Weight(tensor.integers(), tensor.bits, *grid_integers(tensor.grid, tensor.bits), scale)


def _with(weight: Weight, integers: NDArray[Any], scale: Floats) -> Weight:
    small = integers.min() >= -128 and integers.max() <= 127
    whole = np.ascontiguousarray(integers, dtype=np.int16)
    return replace(weight, integers=whole.astype(np.int8) if small else whole, scale=scale)


def _bias(call: Call, channels: int, factor: float = 1.0) -> Floats:
    if len(call.node.inputs) < 3:
        return np.zeros(channels)
    return np.broadcast_to(call.constant(2).reshape(-1), channels) * factor


def _product(call: Call, transposed: bool, alpha: float, beta: float) -> Lowered:
    if alpha <= 0:
        raise call.refuse("alpha above zero", f"{alpha:g}")
    weight = _weight(call, 0 if transposed else 1)
    rows = weight.integers if transposed else weight.integers.T
    return [
        RealLinear(
            kind=Kind.DENSE,
            name=call.node.output,
            source=call.source,
            target=call.node.output,
            weight=_with(weight, rows, weight.scale * alpha),
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
    weight = _weight(call, 0 if kind is Kind.CONV else 1)
    group = cast(int, call.attributes["group"])
    # The axis 1 of a transposed convolution's weight counts the channels of one group.
    scale = np.tile(weight.scale, group if kind is Kind.CONV_TRANSPOSE else 1)
    channels, height, width = call.shape
    geometry = Geometry(
        kernel=cast(tuple[int, int], weight.integers.shape[2:]),
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
            weight=_with(weight, weight.integers, scale),
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
