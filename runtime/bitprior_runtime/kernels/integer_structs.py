"""The structs of runtime/native/integer_plan.h and integer_packed.h, for ctypes."""

import ctypes
from ctypes import POINTER, Structure, Union, c_double, c_int32, c_int64, c_void_p


class Packed(Structure):
    """``bp_packed``: codes of a matrix."""

    _fields_ = (
        ("bits", c_int32),
        ("outs", c_int32),
        ("ins", c_int32),
        ("strips", c_int32),
        ("words", c_int32),
        ("codes", c_void_p),
    )


class MergeRule(Structure):
    """``bp_merge``."""

    _fields_ = (
        ("present", c_int32),
        ("multiplier", c_int32),
        ("exponent", c_int32),
        ("unused", c_int32),
    )


class Matrix(Structure):
    """``bp_matrix``."""

    _fields_ = (
        ("part", Packed * 2),
        ("parts", c_int64),
        ("out_sums", c_void_p),
        ("in_sums", c_void_p),
    )


class Patches(Structure):
    """``bp_patches``."""

    _fields_ = (
        ("height", c_int64),
        ("width", c_int64),
        ("channels", c_int64),
        ("rows", c_int64),
        ("columns", c_int64),
        ("outs", c_int64),
        ("kernel", c_int64 * 2),
        ("strides", c_int64 * 2),
        ("pads", c_int64 * 2),
        ("dilations", c_int64 * 2),
        ("groups", c_int64),
    )


class Requantising(Structure):
    """``bp_requantiser``."""

    _fields_ = (
        ("positive", c_void_p),
        ("positive_shift", c_void_p),
        ("negative", c_void_p),
        ("negative_shift", c_void_p),
        ("low", c_int32),
        ("high", c_int32),
    )


class Linear(Structure):
    """``bp_linear_node``."""

    _fields_ = (
        ("geometry", Patches),
        ("matrices", POINTER(Matrix)),
        ("code_multiplier", c_int32),
        ("code_offset", c_int32),
        ("bias", c_void_p),
        ("requantiser", Requantising),
        ("slope_positive", c_void_p),
        ("slope_negative", c_void_p),
        ("input_limit", c_int32),
        ("cotangent_limit", c_int32),
        ("merge", MergeRule),
    )


class Term(Structure):
    """``bp_operand``."""

    _fields_ = (
        ("source", c_int32),
        ("normalise", c_int32),
        ("positive", c_void_p),
        ("negative", c_void_p),
        ("slope_positive", c_void_p),
        ("slope_negative", c_void_p),
        ("merge", MergeRule),
    )


class Elementwise(Structure):
    """``bp_elementwise_node``."""

    _fields_ = (
        ("operands", POINTER(Term)),
        ("count", c_int64),
        ("offset", c_void_p),
        ("shift", c_int32),
        ("low", c_int32),
        ("high", c_int32),
        ("unused", c_int32),
        ("gate", c_int32 * 2),
    )


class Gather(Structure):
    """``bp_gather_node``."""

    _fields_ = (
        ("index", c_void_p),
        ("taps", c_int64),
        ("requantised", c_int32),
        ("normalise", c_int32),
        ("requantiser", Requantising),
        ("slope", c_void_p),
        ("merge", MergeRule),
    )


class Table(Structure):
    """``bp_table_node``."""

    _fields_ = (("values", c_void_p), ("slopes", c_void_p), ("merge", MergeRule))


class NodeKind(Union):
    """The union in ``bp_integer_node``."""

    _fields_ = (
        ("linear", POINTER(Linear)),
        ("elementwise", POINTER(Elementwise)),
        ("gather", POINTER(Gather)),
        ("table", POINTER(Table)),
    )


class Node(Structure):
    """``bp_integer_node``."""

    _fields_ = (
        ("kind", c_int32),
        ("source", c_int32),
        ("target", c_int32),
        ("unused", c_int32),
        ("period", c_int64),
        ("node", NodeKind),
    )


class Network(Structure):
    """``bp_integer_program``."""

    _fields_ = (
        ("sizes", c_void_p),
        ("tensors", c_int64),
        ("nodes", POINTER(Node)),
        ("count", c_int64),
        ("source", c_int32),
        ("target", c_int32),
    )


class Plan(Structure):
    """``bp_integer_plan``."""

    _fields_ = (
        ("generator", Network),
        ("sensing", Network),
        ("latent_order", c_void_p),
        ("drawn_order", c_void_p),
        ("image_order", c_void_p),
        ("measurement_order", c_void_p),
        ("hand_over", c_void_p),
        ("latent_step", c_double),
        ("image_step", c_double),
        ("measurement_step", c_double),
        ("gradient_scale", c_double),
        ("latent_limit", c_int32),
        ("image_limit", c_int32),
        ("measurement_limit", c_int32),
        ("unused", c_int32),
    )


AnyNode = Linear | Elementwise | Gather | Table


def node_pointer(made: AnyNode) -> NodeKind:
    """Return the union that points to a node of any kind."""
    return NodeKind(linear=ctypes.cast(ctypes.pointer(made), POINTER(Linear)))
