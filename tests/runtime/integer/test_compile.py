"""From programs to plans: what is joined, what shares a step, what is refused."""

from dataclasses import fields, is_dataclass

import numpy as np
import pytest

from bitprior_runtime.errors import ProgramError, UsageError
from bitprior_runtime.integer.compile import compile_plan
from bitprior_runtime.integer.plan import (
    MEASUREMENT_MAX,
    NO_GATE,
    ElementwiseNode,
    GatherNode,
    Kind,
    LinearNode,
    TableNode,
)
from bitprior_runtime.program import Node, Program
from bitprior_runtime.tensors import FloatTensor
from builders.bundles import tiny_bundle
from builders.integers import around, chain, ranges

HALF = {"half": FloatTensor(np.array(0.5, np.float32))}
SIZE = 4


def compiled(generator, bits=8, latents=None):
    """Return the plan of a generator."""
    z = np.random.default_rng(0).standard_normal((8, *generator.inputs["z"])).astype(np.float32)
    pair = around(generator)
    absmax = ranges(*pair, z if latents is None else latents, bits).absmax
    return compile_plan(*pair, absmax, bits)


def tiny_plan(bits=8, **settings):
    """Return the plan of the tiny MLP."""
    bundle = tiny_bundle(**settings)
    pair = bundle.generator, bundle.sensing
    return compile_plan(*pair, ranges(*pair, bundle.golden.latents, bits).absmax, bits)


def test_a_perceptron_becomes_three_nodes_and_its_sensing_network_three():
    plan = tiny_plan()
    assert [node.kind for node in plan.generator.nodes] == [Kind.DENSE, Kind.DENSE, Kind.TABLE]
    assert [node.kind for node in plan.sensing.nodes] == [
        Kind.ELEMENTWISE,
        Kind.DENSE,
        Kind.DENSE,
    ]
    assert [node.name for node in plan.generator.nodes] == ["act0", "fc1", "pixels"]


def test_the_generators_output_and_the_sensing_networks_input_are_one_tensor():
    plan = tiny_plan()
    drawn = plan.generator.tensors[plan.generator.target]
    sensed = plan.sensing.tensors[plan.sensing.source]
    assert (drawn.step, drawn.limit) == (sensed.step, sensed.limit) == (1 / 32767, 32767)
    assert drawn.shape == (1, 2, 3)


@pytest.mark.parametrize(("bits", "limit"), [(8, 127), (16, 32767)])
def test_hidden_activations_have_the_bits_asked_for_and_the_ends_16(bits, limit):
    plan = tiny_plan(bits)
    z, hidden, before_tanh, _ = plan.generator.tensors
    assert (z.limit, hidden.limit, before_tanh.limit) == (32767, limit, 32767)
    assert plan.sensing.tensors[plan.sensing.target].limit == MEASUREMENT_MAX


@pytest.mark.parametrize(("bits", "weight"), [(8, np.int8), (16, np.int16)])
def test_float_weights_take_part_as_8_or_11_bits(bits, weight):
    plan = tiny_plan(bits)
    (_, first, second) = plan.sensing.nodes
    for node in (first, second):
        assert node.weight.dtype == weight
        assert np.abs(node.weight).max() == (1 << (node.bits - 1)) - 1
        assert (node.code_multiplier, node.code_offset) == (1, 1 << (node.bits - 1))


@pytest.mark.parametrize(
    ("bits", "grid"), [(1, "binary"), (4, "wide"), (2, "narrow"), (4, "mid-rise"), (8, "mid-rise")]
)
def test_codes_can_be_had_back_from_the_weights_of_every_grid(bits, grid):
    bundle = tiny_bundle(bits=bits, grid=grid)
    pair = bundle.generator, bundle.sensing
    plan = compile_plan(*pair, ranges(*pair, bundle.golden.latents, 8).absmax, 8)
    node = plan.generator.nodes[0]
    codes = (node.weight.astype(np.int64) + node.code_offset) // node.code_multiplier
    np.testing.assert_array_equal(codes, bundle.generator.tensors["fc0.weight"].codes)
    assert node.bits == bits


def test_two_compilations_are_the_same_bit_for_bit():
    _assert_same(tiny_plan(), tiny_plan())


def _assert_same(first, second):
    if is_dataclass(first):
        for field in fields(first):
            _assert_same(getattr(first, field.name), getattr(second, field.name))
    elif isinstance(first, list | tuple):
        assert len(first) == len(second)
        for pair in zip(first, second, strict=True):
            _assert_same(*pair)
    else:
        np.testing.assert_array_equal(first, second)


def test_relu_becomes_part_of_the_layer_before_it():
    weight = {"w": FloatTensor(np.eye(SIZE, dtype=np.float32))}
    plan = compiled(chain((SIZE,), ("MatMul", ("w",), {}), ("Relu", (), {}), tensors=weight))
    (node,) = plan.generator.nodes
    assert isinstance(node, LinearNode)
    assert not node.negative.multiplier.any()
    assert not node.slope_negative.any()


def test_an_activation_whose_input_is_read_elsewhere_stays_by_itself():
    generator = Program(
        "generator",
        {"z": (SIZE,)},
        "sum",
        [
            Node("MatMul", ("z", "w"), "v"),
            Node("Relu", ("v",), "r"),
            Node("Add", ("v", "r"), "sum"),
        ],
        {"w": FloatTensor(np.eye(SIZE, dtype=np.float32))},
    )
    kinds = [node.kind for node in compiled(generator).generator.nodes]
    assert kinds == [Kind.DENSE, Kind.ELEMENTWISE, Kind.ELEMENTWISE]


@pytest.mark.parametrize("op", ["Abs", "PRelu"])
def test_other_pieces_after_a_layer_stay_by_themselves(op):
    tensors = {
        "w": FloatTensor(np.eye(SIZE, dtype=np.float32)),
        "s": FloatTensor(np.linspace(0.1, 0.4, SIZE, dtype=np.float32)),
    }
    constants = ("s",) if op == "PRelu" else ()
    plan = compiled(chain((SIZE,), ("MatMul", ("w",), {}), (op, constants, {}), tensors=tensors))
    assert [node.kind for node in plan.generator.nodes] == [Kind.DENSE, Kind.ELEMENTWISE]


def test_affine_maps_in_a_row_are_one():
    ops = [("Mul", ("half",), {}), ("Add", ("half",), {}), ("Sub", ("half",), {})]
    plan = compiled(chain((SIZE,), *ops, tensors=HALF))
    (node,) = plan.generator.nodes
    assert isinstance(node, ElementwiseNode)
    assert node.offset.tolist() == [0]


def test_an_affine_map_after_a_function_is_part_of_its_table():
    ops = [("Tanh", (), {}), ("Mul", ("half",), {}), ("Add", ("half",), {})]
    plan = compiled(chain((SIZE,), *ops, tensors=HALF))
    (node,) = plan.generator.nodes
    assert isinstance(node, TableNode)
    assert node.values.min() >= 0


def test_a_map_by_channel_is_not_part_of_a_table():
    channels = {"c": FloatTensor(np.array([[1.0], [2.0]], np.float32))}
    plan = compiled(chain((2, 3), ("Tanh", (), {}), ("Mul", ("c",), {}), tensors=channels))
    table, scaled = plan.generator.nodes
    assert isinstance(table, TableNode)
    assert (scaled.channels, scaled.inner) == (2, 3)


def test_a_constant_that_varies_along_two_axes_has_a_value_an_element():
    values = np.arange(1, 7, dtype=np.float32).reshape(2, 3)
    plan = compiled(chain((2, 3), ("Mul", ("c",), {}), tensors={"c": FloatTensor(values)}))
    (node,) = plan.generator.nodes
    assert (node.channels, node.inner) == (6, 1)


def test_moved_elements_keep_their_step():
    weight = {"w": FloatTensor(np.eye(6, dtype=np.float32))}
    ops = [
        ("MatMul", ("w",), {}),
        ("Reshape", (), {"shape": (2, 3)}),
        ("Transpose", (), {"perm": (0, 2, 1)}),
        ("Tanh", (), {}),
    ]
    plan = compiled(chain((6,), *ops, tensors=weight))
    assert [type(node) for node in plan.generator.nodes] == [LinearNode, GatherNode, TableNode]
    _, before, moved, _ = plan.generator.tensors
    assert (before.step, before.limit) == (moved.step, moved.limit)


def test_nodes_that_nobody_needs_are_left_out():
    nodes = [Node("Tanh", ("z",), "unused"), Node("Sigmoid", ("z",), "x")]
    plan = compiled(Program("generator", {"z": (SIZE,)}, "x", nodes, {}))
    assert [node.name for node in plan.generator.nodes] == ["x"]


def test_a_clip_has_gates_where_it_clips_and_none_where_the_range_ends_first():
    plan = compiled(chain((SIZE,), ("Clip", (), {"min": -0.5, "max": 100.0}), ("Neg", (), {})))
    clip = plan.generator.nodes[0]
    step = plan.generator.tensors[clip.target].step
    assert clip.low == clip.gate[0] == round(-0.5 / step)
    assert clip.gate[1] == NO_GATE[1]
    assert clip.high == plan.generator.tensors[clip.target].limit


def test_two_readers_of_a_tensor_have_one_merge_between_them():
    nodes = [Node("Tanh", ("z",), "t"), Node("Sigmoid", ("z",), "s"), Node("Add", ("t", "s"), "x")]
    plan = compiled(Program("generator", {"z": (SIZE,)}, "x", nodes, {}))
    tanh, sigmoid, total = plan.generator.nodes
    assert sigmoid.merge is None  # it comes first, backwards
    assert tanh.merge is not None
    assert [operand.merge for operand in total.operands] == [None, None]


def test_an_image_read_by_a_wide_layer_has_the_limit_that_layer_needs():
    pixels = 2000
    generator = chain((pixels,), ("Tanh", (), {}))
    latents = np.ones((1, pixels), np.float32)
    pair = around(generator, measurements=2)
    absmax = ranges(*pair, latents, 16).absmax
    plan = compile_plan(*pair, absmax, 16)
    drawn = plan.generator.tensors[plan.generator.target]
    sensed = plan.sensing.tensors[plan.sensing.source]
    assert (drawn.limit, drawn.step) == (sensed.limit, sensed.step)
    assert drawn.limit < 32767
    assert plan.generator.nodes[-1].values.max() <= drawn.limit


def test_other_activation_bits_are_refused():
    with pytest.raises(UsageError, match=r"8 or 16 activation bits.*12"):
        tiny_plan_of_bits(12)


def tiny_plan_of_bits(bits):
    bundle = tiny_bundle()
    pair = bundle.generator, bundle.sensing
    return compile_plan(*pair, ranges(*pair, bundle.golden.latents, 8).absmax, bits)


def test_an_activation_without_a_range_is_refused_by_name():
    bundle = tiny_bundle()
    pair = bundle.generator, bundle.sensing
    absmax = {which: dict(of) for which, of in ranges(*pair, bundle.golden.latents).absmax.items()}
    del absmax["generator"]["act0"]
    with pytest.raises(UsageError, match=r"act0 in 'generator'.*export the model again"):
        compile_plan(*pair, absmax, 8)


def test_too_many_measurements_are_refused():
    pair = around(chain((1,), ("Tanh", (), {})), measurements=8192)
    absmax = ranges(*pair, np.ones((1, 1), np.float32)).absmax
    with pytest.raises(UsageError, match=r"at most 8191 measurements.*8192"):
        compile_plan(*pair, absmax, 8)


def test_a_program_of_two_inputs_is_refused():
    nodes = [Node("Add", ("z", "u"), "x")]
    generator = Program("generator", {"z": (SIZE,), "u": (SIZE,)}, "x", nodes, {})
    sensing = around(chain((SIZE,), ("Tanh", (), {})))[1]
    with pytest.raises(ProgramError, match="one input of program 'generator'"):
        compile_plan(generator, sensing, {"generator": {}, "sensing": {}}, 8)


@pytest.mark.parametrize(
    ("op", "attributes", "message"),
    [
        ("Gemm", {"alpha": -1.0}, "alpha above zero"),
        ("Div", {}, "constants other than 0"),
        ("Resize", {"sizes": (4, 4), "mode": "linear"}, "mode 'nearest'"),
    ],
)
def test_what_has_no_integer_form_is_refused_at_its_node(op, attributes, message):
    constants = () if op == "Resize" else ("w",)
    shape = (1, 2, 2) if op == "Resize" else (2,)
    tensors = {"w": FloatTensor(np.zeros((2,) if op == "Div" else (2, 2), np.float32))}
    generator = chain(shape, (op, constants, attributes), tensors=tensors)
    sensing = around(chain((2,), ("Tanh", (), {})))[1]
    with pytest.raises(ProgramError, match=f"{message} at 't0'"):
        compile_plan(generator, sensing, {"generator": {}, "sensing": {}}, 8)


def test_a_sum_of_too_many_activations_is_refused_at_its_node():
    count = 70_000
    generator = chain((count,), ("ReduceSum", (), {"axes": (1,)}), ("Tanh", (), {}))
    with pytest.raises(ProgramError, match=r"'t0'.*a sum of 70000 activations"):
        compiled(generator, 16, np.ones((1, count), np.float32))


def test_an_element_read_by_too_many_is_refused_at_its_node():
    first = {"starts": (0,), "ends": (1,), "axes": (1,), "steps": (1,)}
    nodes = [Node("Slice", ("z",), "first", first), Node("Sub", ("z", "first"), "x")]
    generator = Program("generator", {"z": (70_000,)}, "x", nodes, {})
    with pytest.raises(ProgramError, match=r"'x#1'.*read 70000 times"):
        compiled(generator, 8, np.ones((1, 70_000), np.float32))
