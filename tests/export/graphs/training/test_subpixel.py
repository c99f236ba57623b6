"""Transposed convolutions as sub-pixel convolutions, against the float engine's own."""

import numpy as np
import pytest

from bitprior_export.graphs.training.rewriting import differentiable
from bitprior_runtime.engines.tape import NumpyProgram
from bitprior_runtime.errors import UsageError
from bitprior_runtime.program import Node, Program
from bitprior_runtime.shapes import infer_shapes
from builders.bundles import floats

# kernel, shape [H,W] of the input, attributes
GEOMETRIES = [
    ((4, 4), (5, 6), {"strides": (2, 2), "pads": (1, 1, 1, 1)}),  # DCGAN's own
    ((4, 4), (1, 1), {}),  # its first
    ((3, 3), (4, 3), {"strides": (2, 2), "pads": (1, 1, 1, 1), "output_padding": (1, 1)}),
    ((3, 5), (4, 3), {"strides": (2, 3), "pads": (0, 2, 1, 1)}),
    ((2, 2), (3, 3), {"strides": (3, 3)}),  # some outputs have no tap at all
    ((3, 2), (4, 5), {"dilations": (2, 3), "strides": (2, 1), "pads": (1, 0, 2, 1)}),
    ((2, 2), (6, 6), {"pads": (1, 1, 1, 1)}),
    ((6, 6), (4, 4), {"strides": (2, 2), "pads": (0, 0, 5, 4)}),
]


def one_layer(kernel, size, attributes, bias=True):
    rng = np.random.default_rng(0)
    tensors = {"w": floats(rng, (3, 2, *kernel)), "b": floats(rng, (2,))}
    names = ("x", "w", "b") if bias else ("x", "w")
    tensors = {name: tensors[name] for name in names[1:]}
    node = Node("ConvTranspose", names, "y", attributes)
    return Program("generator", {"x": (3, *size)}, "y", (node,), tensors)


def run(program, value):
    (name,) = program.inputs
    return NumpyProgram(program, np.float64).forward({name: value})[program.output]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_a_sub_pixel_convolution_equals_the_transposed_one(geometry, bias):
    program = one_layer(*geometry, bias=bias)
    rewritten = differentiable(program)
    assert "ConvTranspose" not in {node.op for node in rewritten.nodes}
    assert infer_shapes(rewritten)["y"] == infer_shapes(program)["y"]
    x = np.random.default_rng(1).standard_normal((2, *program.inputs["x"]))
    np.testing.assert_allclose(run(rewritten, x), run(program, x), rtol=1e-12, atol=1e-12)


def test_groups_are_refused():
    program = one_layer((2, 2), (3, 3), {})
    grouped = Node("ConvTranspose", ("x", "w"), "y", {"group": 3})
    with pytest.raises(UsageError, match="one group"):
        differentiable(Program("generator", program.inputs, "y", (grouped,), program.tensors))
