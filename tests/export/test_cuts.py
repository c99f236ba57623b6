"""Cuts of generators: the latent shapes of Generator Surgery, and not one bit of difference."""

import math
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest

from bitprior_export.bundle.writer import encode_bundle
from bitprior_export.cuts import boundaries, cut, cut_generator, head
from bitprior_export.golden import make_golden
from bitprior_export.graphs import build_gradient
from bitprior_export.qonnx.reader import read_program
from bitprior_export.qonnx.writer import write_qonnx
from bitprior_runtime.bundle import Bundle, SolverDefaults, decode_bundle
from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.engines.tape import NumpyProgram
from bitprior_runtime.errors import UsageError
from bitprior_runtime.program import Node, Program
from bitprior_runtime.shapes import infer_shapes
from bitprior_runtime.summary import summarise
from builders import convolutional, networks
from builders.bundles import tiny_bundle, tiny_generator, weight
from builders.sensing import conv_sensing
from builders.surgery import NETWORKS, began, dcgan, no_weights, random_weights, vae

SKIP = (128, 8, 8)
TABLES = {
    "dcgan": {
        0: [(100,)],
        1: [(512, 4, 4)],
        2: [(256, 8, 8)],
        3: [(128, 16, 16)],
        4: [(64, 32, 32)],
    },
    "vae": {
        0: [(512,)],
        1: [(2048, 4, 4)],
        2: [(1024, 8, 8)],
        3: [(512, 16, 16)],
        4: [(256, 32, 32)],
        5: [(128, 64, 64)],
        6: [(128, 128, 128)],
    },
    "began": {
        0: [(64,)],
        1: [(128, 8, 8)],
        **{c: [(128, 16, 16), SKIP] for c in (2, 3, 4)},
        **{c: [(128, 32, 32), SKIP] for c in (5, 6, 7)},
        **{c: [(128, 64, 64), SKIP] for c in (8, 9, 10)},
        11: [(128, 128, 128), SKIP],
        # The published code carries the skip on here, where no layer reads it any more.
        12: [(128, 128, 128)],
        13: [(128, 128, 128)],
    },
}
TOTALS = {
    "dcgan": [100, 8192, 16384, 32768, 65536],
    "vae": [512, 32768, 65536, 131072, 262144, 524288, 2097152],
    "began": [64, 8192, *[40960] * 3, *[139264] * 3, *[532480] * 3, 2105344, 2097152, 2097152],
}
FULL_SIZE = {"dcgan": dcgan, "vae": vae, "began": began}


@pytest.mark.parametrize("network", TABLES)
def test_latents_are_those_of_generator_surgery(network):
    program = FULL_SIZE[network](no_weights)
    assert len(boundaries(program)) == len(TABLES[network])
    for index, shapes in TABLES[network].items():
        found = cut(program, index)
        assert list(found.latents.values()) == shapes
        ((size,),) = found.program.inputs.values()
        assert size == sum(map(math.prod, shapes)) == TOTALS[network][index]
        assert (
            infer_shapes(found.program)[found.program.output]
            == infer_shapes(program)[program.output]
        )


def test_the_published_over_parametrisation_of_began():
    ((size,),) = cut(began(no_weights), 2).program.inputs.values()
    assert round(size / (3 * 128 * 128), 3) == 0.833


def run(program, z):
    runner = NumpyProgram(program, np.float32)
    (name,) = program.inputs
    return runner.forward({name: z})[program.output]


def latents_of(program, rows=2):
    ((size,),) = program.inputs.values()
    return np.random.default_rng(3).standard_normal((rows, size)).astype(np.float32)


def assert_every_cut_is_exact(program, cuts):
    z = latents_of(program)
    whole = run(program, z)
    assert whole.std() > 1e-3
    assert len(boundaries(program)) == cuts
    for index in range(cuts):
        left = cut(program, index)
        dropped = run(head(program, index), z)
        np.testing.assert_array_equal(run(left.program, dropped), whole)
        if index:  # and the latent matters, all of it
            assert not np.array_equal(run(left.program, dropped * 0.5), whole)


@pytest.mark.parametrize("bits", [1, 4, 32])
@pytest.mark.parametrize("network", NETWORKS)
def test_what_is_left_of_what_was_dropped_is_the_whole_in_every_bit(network, bits):
    assert_every_cut_is_exact(NETWORKS[network](random_weights(bits)), len(TABLES[network]))


@pytest.mark.parametrize("bits", [1, 4, 32])
def test_so_it_is_for_trained_networks_read_from_qonnx(bits, tmp_path):
    path = tmp_path / "generator.onnx"
    mlp = write_and_read(networks.Generator(bits), networks.latents(), path)
    assert_every_cut_is_exact(mlp, cuts=2)
    dcgan = write_and_read(convolutional.generator(bits), convolutional.latents(), path)
    assert_every_cut_is_exact(dcgan, cuts=4)
    assert list(boundaries(dcgan).values()) == [(8,), (16, 4, 4), (8, 8, 8), (4, 16, 16)]


def write_and_read(module, example, path):
    write_qonnx(
        module, example, path, name="generator", input_name="z", output_name="x", metadata={}
    )
    return read_program(path, "generator", "z", "x")


def test_the_gradient_of_a_cut_with_skips_is_right_in_numpy_and_in_onnx():
    program = cut(NETWORKS["began"](random_weights(4)), 5).program
    sensing = conv_sensing((3, 128, 128))
    engine = FloatEngine(program, sensing)
    z = latents_of(program)
    y = engine.sense(engine.generate(z[::-1]))
    _, gradient = engine.value_and_grad(z, y)
    skip = gradient[:, -3 * 8 * 8 :]
    assert np.abs(skip).max() > 0
    graph = build_gradient(program, sensing, {}).SerializeToString()
    (found,) = onnxruntime.InferenceSession(graph).run(["gradient"], {"z": z, "y": y})
    assert np.abs(found - gradient).max() <= 1e-5 * np.abs(gradient).max()
    exact = FloatEngine(program, sensing, dtype=np.float64)
    direction = np.random.default_rng(4).standard_normal(z.shape)
    step = 1e-6 * direction
    slopes = (exact.loss(z + step, y) - exact.loss(z - step, y)) / 2e-6
    np.testing.assert_allclose((gradient * direction).sum(axis=1), slopes, rtol=1e-4)


@pytest.mark.parametrize("network", NETWORKS)
def test_a_cut_at_any_tensor_is_exact(network):
    program = NETWORKS[network](random_weights(4))
    z = latents_of(program, rows=1)
    whole = run(program, z)
    for node in program.nodes[:-1]:
        left = cut(program, node.output)
        assert next(iter(left.latents)) == node.output
        np.testing.assert_array_equal(run(left.program, run(head(program, node.output), z)), whole)


def test_parts_lie_in_the_latent_in_the_order_of_the_names():
    program = NETWORKS["began"](random_weights(4))
    z = latents_of(program)
    values = NumpyProgram(program, np.float32).forward({"z": z})
    left = cut(program, "elu3")
    assert list(left.latents) == ["elu3", "h0"]
    flat = np.concatenate([values[name].reshape(2, -1) for name in left.latents], axis=1)
    np.testing.assert_array_equal(run(head(program, "elu3"), z), flat)


def test_a_skip_drawn_through_a_resize_stays_small():
    left = cut(NETWORKS["began"](random_weights(4)), 5)
    assert left.latents == {"up4.part0": (3, 32, 32), "h0": (3, 8, 8)}


def test_a_tensor_named_behind_a_join_is_one_latent_with_both():
    left = cut(NETWORKS["began"](random_weights(4)), "up4")
    assert left.latents == {"up4": (6, 32, 32), "h0": (3, 8, 8)}


def test_dropped_weights_are_not_stored():
    program = NETWORKS["dcgan"](random_weights(4))
    left = cut(program, 2).program
    assert {"deconv0.weight", "deconv1.weight"}.isdisjoint(left.tensors)
    assert set(left.tensors) == {name for node in left.nodes for name in node.inputs} & set(
        program.tensors
    )


def with_skip_from_z():
    """z -> tanh -> abs, and z once more at the end."""
    nodes = [
        Node("Tanh", ("z",), "t"),
        Node("Abs", ("t",), "a"),
        Node("Add", ("a", "z"), "s"),
        Node("Reshape", ("s",), "x", {"shape": (1, 1, 3)}),
        Node("Tanh", ("t",), "unused"),
    ]
    return Program("generator", {"z": (3,)}, "x", nodes, {})


def test_a_skip_from_the_latent_itself_becomes_a_part_of_the_new_one():
    program = with_skip_from_z()
    left = cut(program, "t")
    assert left.latents == {"t": (3,), "z": (3,)}
    assert left.program.inputs == {"z": (6,)}
    z = latents_of(program)
    np.testing.assert_array_equal(run(left.program, run(head(program, "t"), z)), run(program, z))


def test_cut_zero_drops_nothing():
    program = tiny_generator(np.random.default_rng(0), 4, "wide", 0)
    assert cut(program, 0).program is program
    z = latents_of(program)
    np.testing.assert_array_equal(run(head(program, 0), z), z)


def test_a_latent_of_higher_rank_becomes_flat():
    nodes = [Node("Relu", ("z",), "r"), Node("Tanh", ("r",), "x")]
    left = cut(Program("generator", {"z": (3, 2, 2)}, "x", nodes, {}), 0)
    assert left.program.inputs == {"z": (12,)}
    assert left.latents == {"z": (3, 2, 2)}


def test_the_command_line_takes_numbers_and_names():
    program = NETWORKS["dcgan"](random_weights(4))
    assert cut_generator(program, "2").latents == cut_generator(program, "act1").latents


@pytest.mark.parametrize("text", ["5", "-1", "deconv9", "x", "deconv0.weight", "99999"])
def test_an_unknown_place_is_refused_with_all_that_are_known(text):
    program = NETWORKS["dcgan"](random_weights(4))
    with pytest.raises(UsageError, match=r"0 z 6; 1 act0 16x4x4; .*4 act3 2x32x32"):
        cut_generator(program, text)


def test_only_a_program_with_one_input_is_cut():
    nodes = [Node("Add", ("a", "b"), "x")]
    with pytest.raises(UsageError, match="one input"):
        cut(Program("generator", {"a": (2,), "b": (2,)}, "x", nodes, {}), 1)


def with_residual():
    """A generator for the tiny sensing network whose first layer joins again after its second."""
    rng = np.random.default_rng(0)
    tensors = {"w0": weight(rng, (6, 4), 4, "wide", 0), "w1": weight(rng, (6, 6), 4, "wide", 0)}
    nodes = [
        Node("Gemm", ("z", "w0"), "first", {"transB": 1}),
        Node("Tanh", ("first",), "bent"),
        Node("Gemm", ("bent", "w1"), "second", {"transB": 1}),
        Node("Add", ("second", "first"), "sum"),
        Node("Reshape", ("sum",), "x", {"shape": (1, 2, 3)}),
    ]
    return Program("generator", {"z": (4,)}, "x", nodes, tensors)


@pytest.mark.parametrize(
    ("make", "latents"),
    [
        (lambda: tiny_bundle(4).generator, {"act0": (6,)}),
        (with_residual, {"bent": (6,), "first": (6,)}),
    ],
)
def test_a_cut_generator_fills_a_bundle(make, latents):
    sensing = tiny_bundle(4).sensing
    left = cut(make(), 1)
    assert left.latents == latents
    ((size,),) = left.program.inputs.values()
    images = np.random.default_rng(0).random((8, 1, 2, 3), dtype=np.float32)
    solver = SolverDefaults(step_size=0.01, sparsity=size)
    golden = make_golden(left.program, sensing, images, solver)
    manifest = replace(
        tiny_bundle(4).manifest,
        latent=size,
        latents=left.latents,
        solver=solver,
        tolerances=golden.tolerances,
    )
    read = decode_bundle(encode_bundle(Bundle(manifest, left.program, sensing, golden.cases)))
    np.testing.assert_array_equal(
        run(read.generator, golden.cases.latents), run(left.program, golden.cases.latents)
    )
    rows = summarise(read.generator, read.sensing)
    assert sum(row.weights for row in rows if row.program == "generator") == 36
