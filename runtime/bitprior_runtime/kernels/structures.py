"""The structs of the native library, field for field as in its headers."""

import ctypes
from ctypes import POINTER, c_float, c_int32, c_int64, c_uint32
from enum import IntEnum
from typing import Any, ClassVar

from bitprior_runtime.engines.base import Loop


class Op(IntEnum):
    """``bp_op`` of float_program.h."""

    LINEAR = 0
    CONV = 1
    CONV_TRANSPOSE = 2
    APPLY = 3
    AFFINE = 4
    ADD = 5
    SUB = 6
    MUL = 7
    DIV = 8
    MOVE = 9
    PRELU = 10
    POW = 11
    MAX_POOL = 12
    INSTANCE_NORM = 13
    LINES = 14


class Function(IntEnum):
    """``bp_function`` of float_kernels.h."""

    NONE = 0
    RELU = 1
    LEAKY_RELU = 2
    ELU = 3
    TANH = 4
    SIGMOID = 5
    SOFTPLUS = 6
    ABS = 7
    CLIP = 8
    EXP = 9
    LOG = 10
    SQRT = 11
    HARD_SIGMOID = 12
    HARD_SWISH = 13


_Fields = list[tuple[str, Any]]


class Weight(ctypes.Structure):
    """``bp_weight`` of weights.h."""

    _fields_: ClassVar[_Fields] = [
        ("words", POINTER(c_uint32)),
        ("rows", c_int64),
        ("columns", c_int64),
        ("blocks", c_int64),
        ("bits", c_int32),
        ("multiplier", c_float),
        ("extra", c_float),
    ]


class Geometry(ctypes.Structure):
    """``bp_geometry`` of geometry.h."""

    _fields_: ClassVar[_Fields] = [
        ("channels", c_int64),
        ("height", c_int64),
        ("width", c_int64),
        ("outputs", c_int64),
        ("rows", c_int64),
        ("columns", c_int64),
        ("kernel", c_int64 * 2),
        ("strides", c_int64 * 2),
        ("dilations", c_int64 * 2),
        ("top", c_int64),
        ("left", c_int64),
        ("groups", c_int64),
    ]


class NodeStruct(ctypes.Structure):
    """``bp_node`` of float_program.h."""

    _fields_: ClassVar[_Fields] = [
        ("op", c_int32),
        ("function", c_int32),
        ("alpha", c_float),
        ("beta", c_float),
        ("inputs", c_int32 * 2),
        ("output", c_int32),
        ("add", c_int32 * 2),
        ("first", c_int32),
        ("count", c_int64),
        ("weight", Weight),
        ("scale", POINTER(c_float)),
        ("bias", POINTER(c_float)),
        ("factor", POINTER(c_float)),
        ("term", POINTER(c_float)),
        ("source", POINTER(c_int32)),
        ("target", POINTER(c_int32)),
        ("geometry", Geometry),
    ]


class ValueStruct(ctypes.Structure):
    """``bp_value`` of float_program.h."""

    _fields_: ClassVar[_Fields] = [
        ("size", c_int64),
        ("offset", c_int64),
        ("cotangent", c_int64),
    ]


class ProgramStruct(ctypes.Structure):
    """``bp_program`` of float_program.h."""

    _fields_: ClassVar[_Fields] = [
        ("nodes", POINTER(NodeStruct)),
        ("values", POINTER(ValueStruct)),
        ("count", c_int64),
        ("numbers", c_int64),
        ("middle", c_int64),
        ("floats", c_int64),
        ("spare", c_int64),
        ("scratch", c_int64),
        ("latent", c_int32),
        ("image", c_int32),
        ("measurement", c_int32),
    ]


class ProximalStruct(ctypes.Structure):
    """``bp_proximal_options`` of solver.h."""

    _fields_: ClassVar[_Fields] = [
        ("steps", c_int64),
        ("step_size", c_float),
        ("sparsity", c_int64),
        ("tolerance", c_float),
        ("momentum", c_int32),
        ("unit_sphere", c_int32),
    ]

    @classmethod
    def of(cls, loop: Loop) -> "ProximalStruct":
        """Return a loop as C takes it."""
        sparsity = -1 if loop.sparsity is None else loop.sparsity
        ends = (loop.steps, loop.step_size, sparsity, loop.tolerance)
        return cls(*ends, loop.momentum, loop.unit_sphere)
