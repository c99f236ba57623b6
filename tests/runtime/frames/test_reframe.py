"""Programs follow a frame, or say why not."""

from dataclasses import replace

import numpy as np
import pytest

from bitprior_runtime.engines.tape import NumpyProgram
from bitprior_runtime.errors import ProgramError
from bitprior_runtime.frames.reframe import map_shapes, reframe
from bitprior_runtime.program import Node, Program
from bitprior_runtime.shapes import infer_shapes
from bitprior_runtime.tensors import FloatTensor
from builders.photo import photo_bundle

NATIVE = (8, 8)


def constant(*shape):
    return FloatTensor(np.random.default_rng(0).standard_normal(shape).astype(np.float32))


def program(*nodes, latent=32, maps=(2, 4, 4), **tensors):
    """Return z -> Reshape -> nodes; the last node gives x."""
    entry = Node("Reshape", ("z",), "maps", {"shape": maps})
    return Program("generator", {"z": (latent,)}, nodes[-1].output, (entry, *nodes), tensors)


@pytest.mark.parametrize("frame", [(8, 8), (10, 8), (34, 42), (2, 2)])
def test_a_photo_prior_follows_every_frame_of_its_stride(frame):
    bundle = photo_bundle()
    for which in (bundle.generator, bundle.search.start, bundle.search.penalty):
        made = reframe(which, NATIVE, frame)
        shape = infer_shapes(made)[made.output]
        maps = (frame[0] // 2, frame[1] // 2)
        assert shape == ((1, *frame) if which is bundle.generator else (6, *maps))
    assert reframe(bundle.generator, NATIVE, NATIVE) == bundle.generator


def test_a_larger_frame_holds_the_image_of_a_smaller_one_far_from_its_edge():
    generator = photo_bundle().generator
    wide = NumpyProgram(reframe(generator, NATIVE, (32, 40)), np.float64)
    near = NumpyProgram(reframe(generator, NATIVE, (24, 24)), np.float64)
    maps = np.random.default_rng(0).standard_normal((1, 6, 16, 20))
    part = maps[:, :, 4:16, 3:15]
    whole = wide.forward({"z": maps.reshape(1, -1)})["x"]
    inner = near.forward({"z": part.reshape(1, -1)})["x"]
    # Two convolutions of 3 x 3 see two maps beyond a place: 4 pixels.
    np.testing.assert_allclose(inner[:, :, 4:-4, 4:-4], whole[:, :, 12:28, 10:26], atol=1e-12)


def test_a_frame_that_leaves_broken_maps_is_refused():
    with pytest.raises(ProgramError, match=r"maps 4 x 4 .*4.5 x 4 at a frame of 9 x 8"):
        reframe(photo_bundle().generator, NATIVE, (9, 8))


def test_a_resize_follows_the_frame():
    made = program(Node("Resize", ("maps",), "x", {"sizes": (8, 8), "mode": "nearest"}))
    found = reframe(made, NATIVE, (16, 24))
    assert infer_shapes(found)["x"] == (2, 16, 24)


def test_parts_of_a_latent_follow_in_their_order():
    def piece(first, last, name, shape):
        cut = {"starts": (first,), "ends": (last,), "axes": (1,), "steps": (1,)}
        return [
            Node("Slice", ("z",), f"{name}.flat", cut),
            Node("Reshape", (f"{name}.flat",), name, {"shape": shape}),
        ]

    nodes = [
        *piece(0, 32, "a", (2, 4, 4)),
        *piece(32, 80, "b", (3, 4, 4)),
        Node("Concat", ("a", "b"), "x", {"axis": 1}),
    ]
    whole = Program("generator", {"z": (80,)}, "x", tuple(nodes), {})
    assert map_shapes(whole) == [(2, 4, 4), (3, 4, 4)]
    found = reframe(whole, NATIVE, (16, 8))
    z = np.arange(160.0)[None]
    drawn = NumpyProgram(found, np.float64).forward({"z": z})["x"]
    np.testing.assert_array_equal(drawn.ravel(), np.arange(160))
    assert drawn.shape == (1, 5, 8, 4)
    gap = replace(whole, nodes=(*piece(1, 33, "a", (2, 4, 4)), *nodes[2:]))
    with pytest.raises(ProgramError, match=r"'a\.flat' to be values 0 to 32"):
        reframe(gap, NATIVE, (16, 8))


FLATTENING = [
    [Node("Flatten", ("maps",), "f"), Node("Gemm", ("f", "w"), "x", {})],
    [Node("Reshape", ("maps",), "r", {"shape": (4, 4, 2)}), Node("Relu", ("r",), "x")],
    [Node("Transpose", ("maps",), "x", {"perm": (0, 2, 3, 1)})],
    [Node("GlobalAveragePool", ("maps",), "x")],
    [Node("ReduceMean", ("maps",), "x", {"axes": (2, 3)})],
    [Node("Concat", ("maps", "maps"), "x", {"axis": 2})],
    [Node("Add", ("maps", "map"), "x")],
    [Node("Mul", ("maps", "row"), "x")],
    [Node("PRelu", ("maps", "slopes"), "x")],
]


@pytest.mark.parametrize("nodes", FLATTENING, ids=lambda nodes: nodes[-1].op)
def test_what_is_not_fully_convolutional_is_refused_by_name(nodes):
    tensors = {
        "w": constant(32, 5),
        "map": constant(1, 4, 4),
        "row": constant(4),
        "slopes": constant(2, 4, 4),
    }
    used = {name: tensors[name] for node in nodes for name in node.inputs if name in tensors}
    made = program(*nodes, **used)
    infer_shapes(made)
    with pytest.raises(ProgramError, match="a fully convolutional generator") as caught:
        reframe(made, NATIVE, (16, 16))
    assert any(node.op in str(caught.value) for node in nodes)


@pytest.mark.parametrize("shape", [(), (1,), (2, 1, 1)])
def test_a_constant_that_is_the_same_at_every_place_is_none_of_that(shape):
    made = program(Node("Add", ("maps", "c"), "x"), c=constant(*shape))
    assert infer_shapes(reframe(made, NATIVE, (16, 16)))["x"] == (2, 8, 8)


def test_a_program_that_does_not_begin_with_maps_is_refused():
    made = Program("generator", {"z": (4,)}, "x", (Node("Relu", ("z",), "x"),), {})
    with pytest.raises(ProgramError, match=r"begins with a Reshape to maps.*'z' is read by Relu"):
        reframe(made, NATIVE, (16, 16))
    twice = program(Node("Relu", ("z",), "r"), Node("Relu", ("maps",), "x"))
    with pytest.raises(ProgramError, match="'z' is read by Reshape, Relu"):
        reframe(twice, NATIVE, (16, 16))
