"""Tensors of a program as initialisers that stay low-bit in the file.

4-bit codes are INT4 and 2-bit codes INT2 behind DequantizeLinear, where the opset has those types.
All others are the bit planes of the bundle, which the graph unpacks with ordinary ops; an ONNX
runtime folds that once, when it loads the model.
"""

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from bitprior_export.graphs.builder import GraphBuilder
from bitprior_runtime.bundle.bitplanes import pack
from bitprior_runtime.tensors import FloatTensor, QuantisedTensor, Tensor, grid_integers

# Bit width -> ONNX type and the first opset whose DequantizeLinear takes it.
_PACKED_TYPES = {4: (TensorProto.INT4, 21), 2: (TensorProto.INT2, 25)}


def emit_tensor(builder: GraphBuilder, name: str, tensor: Tensor) -> str:
    """Add a tensor to the outermost graph, once, and return the name of its float32 value."""
    root = builder.root
    if name not in root.tensors:
        root.tensors[name] = _emit(root, name, tensor)
    return root.tensors[name]


def _emit(builder: GraphBuilder, name: str, tensor: Tensor) -> str:
    if isinstance(tensor, FloatTensor):
        return builder.constant(tensor.array, name)
    onnx_type, since = _PACKED_TYPES.get(tensor.bits, (0, 0))
    if onnx_type and builder.form.opset >= since and tensor.grid in ("wide", "narrow"):
        return _emit_packed(builder, name, tensor, onnx_type)
    return _emit_planes(builder, name, tensor)


def _emit_packed(builder: GraphBuilder, name: str, tensor: QuantisedTensor, onnx_type: int) -> str:
    proto = TensorProto(name=f"{name}.int{tensor.bits}", data_type=onnx_type, dims=tensor.shape)
    proto.raw_data = _packed(tensor.integers().ravel(), tensor.bits)
    codes = builder.raw(proto)
    scale = builder.constant(tensor.scale, f"{name}.scale")
    # A scalar scale has no axis; ONNX then ignores the attribute.
    axis = {} if tensor.axis is None else {"axis": tensor.axis}
    return builder.add("DequantizeLinear", [codes, scale], name, **axis)


def _packed(integers: NDArray[np.int16], bits: int) -> bytes:
    """Pack two's complement integers, the first value in the lowest bits of a byte."""
    each = 8 // bits
    low = (integers & (2**bits - 1)).astype(np.uint8)
    low = np.append(low, np.zeros(-low.size % each, np.uint8)).reshape(-1, each)
    shifts = np.arange(each, dtype=np.uint8) * np.uint8(bits)
    joined: NDArray[np.uint8] = np.bitwise_or.reduce(low << shifts, axis=1).astype(np.uint8)
    return joined.tobytes()


def _emit_planes(builder: GraphBuilder, name: str, tensor: QuantisedTensor) -> str:
    """Unpack: code = sum_i 2^i bit_i, w = (multiplier scale) code - offset scale.

    A bit is the remainder of byte / 2^j by 2: unlike BitwiseAnd, every opset has those ops.
    """
    planes = pack(tensor.codes, tensor.bits)
    source = builder.constant(planes[:, :, np.newaxis], f"{name}.planes")
    whole = builder.add("Cast", [source], to=TensorProto.INT32)
    places = builder.constant(2 ** np.arange(8, dtype=np.int32), f"{name}.places")
    two = builder.constant(np.array(2, dtype=np.int32), f"{name}.two")
    bits = builder.add("Mod", [builder.add("Div", [whole, places]), two])
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
