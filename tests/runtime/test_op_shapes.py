"""Ops over images refuse inputs and attributes that do not fit, before anything runs."""

import numpy as np
import pytest

from bitprior_runtime.errors import ProgramError
from bitprior_runtime.ops.separable import MAX_SIZE
from bitprior_runtime.program import Node, Program
from bitprior_runtime.shapes import infer_shapes
from bitprior_runtime.tensors import FloatTensor

SHAPES = {"plane": (4, 4), "four": (4,), "two": (2,), "deep": (1, 1, 1, 1, 4), "image": (4, 6, 8)}
SHAPES["point"] = (4, 4, 1, 1)
CONSTANTS = {name: FloatTensor(np.ones(shape, np.float32)) for name, shape in SHAPES.items()}
IMAGE = {"in": (4, 6, 8)}
WIDE = MAX_SIZE + 1


def one(op, reads=("in",), inputs=None, **attributes):
    return Program(op, inputs or IMAGE, "out", [Node(op, reads, "out", attributes)], CONSTANTS)


def concat(inputs, axis):
    return one("Concat", tuple(inputs), inputs, axis=axis)


def cut(starts=(0,), ends=(1,), axes=(1,), steps=(1,), reads=("in",)):
    return one("Slice", reads, starts=starts, ends=ends, axes=axes, steps=steps)


def convolved(op="Conv", **attributes):
    return one(op, ("in", "point"), **attributes)


def pooled(inputs=None, kernel_shape=(2, 2), **attributes):
    return one("AveragePool", inputs=inputs, kernel_shape=kernel_shape, **attributes)


BAD = [
    ("Concat with 2 or more inputs", one("Concat")),
    ("Concat of activations", one("Concat", ("in", "image"))),
    ("an axis in 1..2", concat({"a": (2, 3), "b": (2, 3)}, 3)),
    ("an axis in 1..2", concat({"a": (2, 3), "b": (2, 3)}, 0)),
    ("differ along axis 1 alone", concat({"a": (2, 3), "b": (2, 4)}, 1)),
    ("differ along axis 2 alone", concat({"a": (2, 3), "b": (2,)}, 2)),
    ("Slice of an activation", cut(reads=("image",))),
    ("of one length", cut(steps=())),
    ("of one length", cut((), (), (), ())),
    ("different axes in 1..3", cut((0, 0), (1, 1), (1, 1), (1, 1))),
    ("different axes in 1..3", cut(axes=(0,))),
    ("different axes in 1..3", cut(axes=(4,))),
    ("steps other than 0", cut(steps=(0,))),
    ("Slice that keeps something", cut(starts=(3,), ends=(3,))),
    ("Resize of an activation", one("Resize", ("image",), sizes=(2, 2))),
    ("Resize of an activation", one("Resize", inputs={"in": (4, 4)}, sizes=(2, 2))),
    ("Resize with 2 sizes", one("Resize")),
    ("Resize with 2 sizes", one("Resize", sizes=(0, 4))),
    ("mode among: nearest, linear", one("Resize", sizes=(2, 2), mode="cubic")),
    ("coordinate_transformation_mode among",
     one("Resize", sizes=(2, 2), coordinate_transformation_mode="tf_crop_and_resize")),
    ("nearest_mode among", one("Resize", sizes=(2, 2), nearest_mode="simple")),
    (f"at most {MAX_SIZE}", one("Resize", sizes=(2, WIDE))),
    (f"at most {MAX_SIZE}", one("Resize", inputs={"in": (1, 1, WIDE)}, sizes=(2, 2))),
    ("Pad of an activation", one("Pad", ("image",), pads=(0,) * 6)),
    ("Pad with 6 pads", one("Pad")),
    ("Pad with 6 pads", one("Pad", pads=(0, 0, -1, 0, 0, 0))),
    ("mode among: constant", one("Pad", pads=(0,) * 6, mode="wrap")),
    ("by reflection", one("Pad", pads=(0, 6, 0, 0, 0, 0), mode="reflect")),
    (f"at most {MAX_SIZE}", one("Pad", pads=(0, 0, 0, 0, 0, WIDE), mode="edge")),
    ("Transpose of an activation", one("Transpose", ("image",), perm=(0, 1, 2, 3))),
    ("a perm of 0..3", one("Transpose")),
    ("begins with 0", one("Transpose", perm=(1, 0, 2, 3))),
    ("DepthToSpace of an activation", one("DepthToSpace", ("image",), blocksize=2)),
    ("SpaceToDepth of an activation", one("SpaceToDepth", inputs={"in": (4,)}, blocksize=2)),
    ("a blocksize of at least 1", one("DepthToSpace", blocksize=0)),
    ("mode among: DCR, CRD", one("DepthToSpace", blocksize=2, mode="RDC")),
    ("blocks of 3 x 3 divide", one("DepthToSpace", blocksize=3)),
    ("blocks of 4 x 4 divide", one("SpaceToDepth", blocksize=4)),
    ("blocks of 3 x 3 divide", one("SpaceToDepth", blocksize=3)),
    ("constant slope", one("PRelu", ("in", "in"))),
    ("constant exponent", one("Pow", ("four", "in"))),
    ("slope that broadcasts", one("PRelu", ("in", "four"))),
    ("exponent that broadcasts", one("Pow", ("in", "deep"))),
    ("PRelu with 2 inputs", one("PRelu")),
    ("activations of one rank", one("Div", ("a", "b"), {"a": (2, 3), "b": (3,)})),
    ("InstanceNormalization of an activation",
     one("InstanceNormalization", ("in", "four", "four"), {"in": (4,)})),
    ("scale and bias of 4 values", one("InstanceNormalization", ("in", "four", "two"))),
    ("scale and bias of 4 values",
     one("InstanceNormalization", ("in", "s", "s"), {"in": (4, 6), "s": (4,)})),
    ("epsilon > 0", one("InstanceNormalization", ("in", "four", "four"), epsilon=0.0)),
    ("GlobalAveragePool of an activation", one("GlobalAveragePool", inputs={"in": (4,)})),
    ("GlobalAveragePool of an activation", one("GlobalAveragePool", ("image",))),
    ("AveragePool of an activation", pooled({"in": (4, 4)})),
    ("2 kernel_shape of at least 1", pooled(kernel_shape=())),
    ("2 strides of at least 1", pooled(strides=(0, 1))),
    ("4 pads of at least 0", pooled(pads=(0, 0))),
    ("pads smaller than its kernel", pooled(pads=(0, 0, 2, 0))),
    (f"at most {MAX_SIZE}", pooled({"in": (1, 1, WIDE)})),
    (f"at most {MAX_SIZE}", pooled(kernel_shape=(2**40, 1), pads=(2**40 - 1, 0) * 2)),
    ("MaxPool with a kernel of at most 32",
     one("MaxPool", inputs={"in": (1, 64, 64)}, kernel_shape=(33, 1))),
    ("sizes >= 1", pooled(kernel_shape=(7, 1))),
    ("ReduceSum of an activation", one("ReduceSum", ("image",), axes=(1,))),
    ("one or more different axes", one("ReduceMean")),
    ("one or more different axes", one("ReduceMean", axes=(0,))),
    ("one or more different axes", one("ReduceSum", axes=(1, 1))),
    ("Conv with padded sides of at most 65536", convolved(pads=(2**62, 0, 0, 0))),
    ("Conv with strides within", convolved(strides=(7, 1))),
    ("Conv with dilations within", convolved(dilations=(1, 9))),
    ("ConvTranspose with padded sides", convolved("ConvTranspose", strides=(2**60, 1))),
    ("ConvTranspose with dilations within", convolved("ConvTranspose", dilations=(7, 1))),
    ("MaxPool with strides within", one("MaxPool", kernel_shape=(1, 1), strides=(7, 1))),
    ("steps within the sizes", cut(steps=(5,))),
    ("steps within the sizes", cut(starts=(-1,), ends=(0,), steps=(-(2**62),))),
    ("by a factor of at most 256", one("Resize", inputs={"in": (1, 1, 4)}, sizes=(257, 4))),
    ("by a factor of at most 256", one("Resize", inputs={"in": (1, 257, 4)}, sizes=(1, 4))),
    ("epsilon > 0", one("InstanceNormalization", ("in", "four", "four"), epsilon=1e-40)),
    ("alpha of type float", one("LeakyRelu", alpha=1e39)),
]  # fmt: skip


@pytest.mark.parametrize(("expected", "program"), BAD, ids=lambda item: getattr(item, "name", item))
def test_what_does_not_fit_is_refused_with_the_reason(expected, program):
    with pytest.raises(ProgramError) as caught:
        infer_shapes(program)
    assert expected in str(caught.value)
