"""Ops without a gradient in ONNX Runtime Training, rewritten, against the float engine's own."""

import numpy as np
import pytest

from bitprior_export.graphs.training.rewriting import differentiable
from bitprior_runtime.engines.tape import NumpyProgram
from bitprior_runtime.program import Node, Program
from bitprior_runtime.shapes import infer_shapes
from builders.surgery import NETWORKS, random_weights

REWRITTEN = {"ConvTranspose", "Resize", "Elu"}


def run(program, value):
    (name,) = program.inputs
    return NumpyProgram(program, np.float64).forward({name: value})[program.output]


@pytest.mark.parametrize("network", NETWORKS)
def test_a_whole_generator_keeps_its_image(network):
    program = NETWORKS[network](random_weights(4))
    rewritten = differentiable(program)
    assert REWRITTEN.isdisjoint({node.op for node in rewritten.nodes})
    (shape,) = program.inputs.values()
    z = np.random.default_rng(1).standard_normal((2, *shape))
    expected = run(program, z)
    assert np.abs(run(rewritten, z) - expected).max() <= 1e-6 * np.abs(expected).max()


def test_weights_that_were_rewritten_are_not_kept():
    program = NETWORKS["dcgan"](random_weights(4))
    assert "deconv0.weight" in program.tensors
    assert "deconv0.weight" not in differentiable(program).tensors


@pytest.mark.parametrize(
    ("op", "attributes"),
    [
        ("Elu", {}),
        ("Elu", {"alpha": 1.5}),
        ("Resize", {"sizes": (6, 10)}),
        ("Resize", {"sizes": (2, 7), "mode": "linear"}),
        (
            "Resize",
            {"sizes": (6, 4), "mode": "linear", "coordinate_transformation_mode": "align_corners"},
        ),
    ],
)
def test_one_op_keeps_its_values(op, attributes):
    program = Program("generator", {"x": (2, 3, 5)}, "y", (Node(op, ("x",), "y", attributes),), {})
    rewritten = differentiable(program)
    assert infer_shapes(rewritten)["y"] == infer_shapes(program)["y"]
    x = 3 * np.random.default_rng(0).standard_normal((2, 2, 3, 5))
    np.testing.assert_allclose(run(rewritten, x), run(program, x), atol=1e-6)
