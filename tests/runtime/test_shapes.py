"""A malformed program is refused before anything runs."""

import numpy as np
import pytest

from bitprior_runtime.errors import ProgramError
from bitprior_runtime.program import Node, Program
from bitprior_runtime.shapes import MAX_ELEMENTS, infer_shapes
from bitprior_runtime.tensors import FloatTensor

SHAPES = {"wide": (4, 6), "bias": (6,), "vector": (4,), "batch": (2, 4), "cube": (1, 1, 1, 4)}
TRANSPOSED = "ConvTranspose"
SHAPES["kernel"] = (5, 2, 3, 3)
IMAGE = {"in": (2, 4, 4)}
ONES = {name: FloatTensor(np.ones(shape, np.float32)) for name, shape in SHAPES.items()}
NAN = float("nan")


def chain(*nodes, inputs=None, output="out"):
    return Program("p", inputs or {"in": (4,)}, output, list(nodes), ONES)


def test_shapes_flow_through_a_chain():
    shapes = infer_shapes(
        chain(
            Node("Gemm", ("in", "wide", "bias"), "h"),
            Node("Reshape", ("h",), "r", {"shape": (1, 2, 3)}),
            Node("Flatten", ("r",), "out"),
        )
    )
    assert (shapes["h"], shapes["r"], shapes["out"]) == ((6,), (1, 2, 3), (6,))


BAD = {
    "ops among": chain(Node("Explode", ("in",), "out")),
    "read a tensor written before": chain(Node("Tanh", ("later",), "out")),
    "written once": chain(Node("Tanh", ("in",), "in")),
    "it is not written": chain(Node("Tanh", ("in",), "other")),
    "attributes among": chain(Node("Tanh", ("in",), "out", {"alpha": 1.0})),
    "alpha of type float": chain(Node("LeakyRelu", ("in",), "out", {"alpha": 1})),
    "alpha of type float; found nan": chain(Node("LeakyRelu", ("in",), "out", {"alpha": NAN})),
    "shape of type tuple": chain(Node("Reshape", ("in",), "out", {"shape": (4.0,)})),
    "4 input features": chain(Node("Gemm", ("in", "wide"), "out"), inputs={"in": (5,)}),
    "transA": chain(Node("Gemm", ("in", "wide"), "out", {"transA": 1})),
    "constant matrix": chain(Node("Gemm", ("wide", "in"), "out")),
    "with a matrix": chain(Node("Gemm", ("in", "vector"), "out")),
    "bias of 6 values": chain(Node("Gemm", ("in", "wide", "vector"), "out")),
    "2 to 3 inputs": chain(Node("Gemm", ("in",), "out")),
    "MatMul of an activation": chain(Node("MatMul", ("in", "vector"), "out")),
    "MatMul with 4 input": chain(Node("MatMul", ("in", "wide"), "out"), inputs={"in": (3,)}),
    "MatMul with 2 inputs": chain(Node("MatMul", ("in",), "out")),
    "at least one activation": chain(Node("Add", ("vector", "vector"), "out")),
    "that broadcast": chain(Node("Add", ("in", "bias"), "out")),
    "batch axis first": chain(Node("Mul", ("in", "batch"), "out")),
    "batch axis first; found result shape (1, 1, 1, 4)": chain(Node("Add", ("in", "cube"), "out")),
    "an activation; found a constant": chain(Node("Tanh", ("vector",), "out")),
    "1 inputs": chain(Node("Tanh", ("in", "in"), "out")),
    "as many values": chain(Node("Reshape", ("in",), "out", {"shape": (5,)})),
    "at least 1": chain(Node("Reshape", ("in",), "out", {"shape": (-1, -4)})),
    "Reshape of an activation": chain(Node("Reshape", ("vector",), "out", {"shape": (4,)})),
    "axis = 1": chain(Node("Flatten", ("in",), "out", {"axis": 2})),
    "Flatten of an activation": chain(Node("Flatten", ("vector",), "out")),
    "Conv of 2 channels": chain(Node("Conv", ("in", "kernel"), "out"), inputs={"in": (3, 4, 4)}),
    "2 strides": chain(Node("Conv", ("in", "kernel"), "out", {"strides": (1,)}), inputs=IMAGE),
    "4 pads of at least 0": chain(
        Node("Conv", ("in", "kernel"), "out", {"pads": (0, 0, 0, -1)}), inputs=IMAGE),
    "group that divides 5": chain(
        Node("Conv", ("in", "kernel"), "out", {"group": 2}), inputs=IMAGE),
    "bias of 5 values": chain(Node("Conv", ("in", "kernel", "vector"), "out"), inputs=IMAGE),
    "Conv of [batch, C, H, W]": chain(Node("Conv", ("in", "wide"), "out"), inputs=IMAGE),
    "Conv of an activation": chain(Node("Conv", ("in", "in"), "out"), inputs=IMAGE),
    "sizes >= 1": chain(Node("Conv", ("in", "kernel"), "out"), inputs={"in": (2, 2, 2)}),
    "ConvTranspose of 5 channels": chain(Node(TRANSPOSED, ("in", "kernel"), "out"), inputs=IMAGE),
    "output_padding below the strides": chain(
        Node(TRANSPOSED, ("in", "kernel"), "out", {"output_padding": (1, 0)}),
        inputs={"in": (5, 4, 4)}),
    "of rank": chain(Node("Tanh", ("in",), "out"), inputs={"in": (MAX_ELEMENTS, 2)}),
    "of rank <= 6": chain(Node("Tanh", ("in",), "out"), inputs={"in": (0,)}),
}  # fmt: skip


@pytest.mark.parametrize("message", BAD)
def test_a_malformed_program_is_refused_by_name(message):
    with pytest.raises(ProgramError) as caught:
        infer_shapes(BAD[message])
    assert message in str(caught.value)


def test_a_constant_alone_is_no_output():
    with pytest.raises(ProgramError, match="not written"):
        infer_shapes(chain(Node("Tanh", ("in",), "out"), output="vector"))
