"""Tensors of a program as initialisers that stay low-bit in the file.

4-bit codes are INT4 behind DequantizeLinear. Other widths are the bit planes of the bundle, which
the graph unpacks with ordinary ops; an ONNX runtime folds that once, when it loads the model.
"""

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from bitprior_export.graphs.builder import GraphBuilder
from bitprior_runtime.bundle.bitplanes import pack
from bitprior_runtime.tensors import FloatTensor, QuantisedTensor, Tensor, grid_integers

_MASKS = np.array([1, 2, 4, 8, 16, 32, 64, 128], dtype=np.uint8)


def emit_tensor(builder: GraphBuilder, name: str, tensor: Tensor) -> str:
    """Add a tensor and return the name of its float32 value."""
    if isinstance(tensor, FloatTensor):
        return builder.constant(tensor.array, name)
    if tensor.bits == 4 and tensor.grid in ("wide", "narrow"):
        return _emit_int4(builder, name, tensor)
    return _emit_planes(builder, name, tensor)


def _emit_int4(builder: GraphBuilder, name: str, tensor: QuantisedTensor) -> str:
    proto = TensorProto(name=f"{name}.int4", data_type=TensorProto.INT4, dims=tensor.shape)
    proto.raw_data = _nibbles(tensor.integers().ravel())
    codes = builder.raw(proto)
    scale = builder.constant(tensor.scale, f"{name}.scale")
    # A scalar scale has no axis; ONNX then ignores the attribute.
    axis = {} if tensor.axis is None else {"axis": tensor.axis}
    return builder.add("DequantizeLinear", [codes, scale], name, **axis)


def _nibbles(integers: NDArray[np.int16]) -> bytes:
    """Pack two's complement nibbles, the first value in the low half of a byte."""
    low = (integers & 0xF).astype(np.uint8)
    if low.size % 2:
        low = np.append(low, np.uint8(0))
    return bytes(low[0::2] | (low[1::2] << 4))


def _emit_planes(builder: GraphBuilder, name: str, tensor: QuantisedTensor) -> str:
    """Unpack: code = sum_i 2^i bit_i, w = (multiplier scale) code - offset scale."""
    planes = pack(tensor.codes, tensor.bits)
    source = builder.constant(planes[:, :, np.newaxis], f"{name}.planes")
    masked = builder.add("BitwiseAnd", [source, builder.constant(_MASKS, f"{name}.masks")])
    bits = builder.add("Cast", [masked], to=TensorProto.BOOL)
    ones = builder.add("Cast", [bits], to=TensorProto.FLOAT)
    powers = np.exp2(np.arange(tensor.bits, dtype=np.float32)).reshape(-1, 1, 1)
    weighed = builder.add("Mul", [ones, builder.constant(powers, f"{name}.powers")])
    axis = builder.integers([0], f"{name}.axis")
    codes = builder.add("ReduceSum", [weighed, axis], keepdims=0)
    flat = builder.add("Reshape", [codes, builder.integers([-1], f"{name}.flat")])
    start, end = builder.integers([0], f"{name}.start"), [tensor.codes.size]
    cut = builder.add("Slice", [flat, start, builder.integers(end, f"{name}.end")])
    shaped = builder.add("Reshape", [cut, builder.integers(tensor.shape, f"{name}.shape")])
    multiplier, offset = grid_integers(tensor.grid, tensor.bits)
    grid = builder.add("Mul", [shaped, builder.scalar(multiplier, f"{name}.multiplier")])
    integers = builder.add("Sub", [grid, builder.scalar(offset, f"{name}.offset")])
    return builder.add("Mul", [integers, builder.constant(_spread(tensor), f"{name}.scale")], name)


def _spread(tensor: QuantisedTensor) -> NDArray[np.float32]:
    if tensor.axis is None:
        return tensor.scale
    shape = [1] * tensor.codes.ndim
    shape[tensor.axis] = -1
    return tensor.scale.reshape(shape)
