"""The native integer engine gives the numpy engine's bits, whatever the instruction set."""

import gc
import os
import threading
from dataclasses import replace

import numpy as np
import pytest

from bitprior_runtime.engines import ProximalEngine
from bitprior_runtime.engines.base import Loop
from bitprior_runtime.engines.integer_engine import IntegerEngine
from bitprior_runtime.engines.native_integer_engine import NativeIntegerEngine
from bitprior_runtime.errors import ProgramError, UsageError
from bitprior_runtime.kernels import kernels
from bitprior_runtime.program import Node
from bitprior_runtime.solvers import ProximalOptions, proximal
from builders.bundles import tiny_bundle
from builders.cases import name_of
from builders.integers import around, chain, ranges
from builders.op_cases import CASES
from builders.random_networks import convolutional, floats, perceptron, weight

GRIDS = [
    (1, "binary"), (2, "mid-rise"), (2, "wide"), (3, "narrow"), (3, "wide"), (4, "mid-rise"),
    (4, "wide"), (8, "mid-rise"), (32, "wide"),
]  # fmt: skip

both_precisions = pytest.mark.parametrize("activation_bits", [8, 16])


def latents(generator, rng, rows):
    """Return random latents, some of them beyond the calibrated range."""
    ((*_, shape),) = (tuple(generator.inputs.values()),)
    return (3 * rng.standard_normal((rows, *shape))).astype(np.float32)


def problem(networks, rng, rows, activation_bits):
    """Return the programs with their ranges, latents and measurements of other latents."""
    generator, sensing = networks
    z = latents(generator, rng, rows)
    calibration = ranges(generator, sensing, latents(generator, rng, 8), activation_bits)
    reference = IntegerEngine(generator, sensing, calibration)
    y = reference.sense(reference.generate(latents(generator, rng, rows)))
    return (generator, sensing, calibration), reference, z, y


def assert_same(native, reference, z, y):
    """Every method gives the same bits."""
    image = reference.generate(z)
    np.testing.assert_array_equal(native.generate(z), image)
    np.testing.assert_array_equal(native.sense(image), reference.sense(image))
    loss, gradient = reference.value_and_grad(z, y)
    found_loss, found_gradient = native.value_and_grad(z, y)
    np.testing.assert_array_equal(found_loss, loss)
    np.testing.assert_array_equal(found_gradient, gradient)
    np.testing.assert_array_equal(native.loss(z, y), loss)
    for latents in (z, z[:1]):
        np.testing.assert_array_equal(native.vjp(latents, y), reference.vjp(latents, y))


def assert_same_at_any_batch(made):
    """Every method, on every instruction set, gives the same bits for 1, 3 and 16 rows."""
    programs, reference, z, y = made
    for kernel in kernels():
        native = NativeIntegerEngine(*programs, instructions=kernel)
        for rows in (1, 3, 16):
            assert_same(native, reference, z[:rows], y[:rows])


def mlp(bits, grid, rng):
    """Return two perceptrons of sizes around those of the kernels' blocks."""
    sizes = [int(size) for size in rng.choice([7, 15, 16, 17, 63, 64, 65, 70], 3)]
    return (
        perceptron(rng, "generator", "z", "x", (9, *sizes), bits, grid),
        perceptron(rng, "sensing", "x", "y", (sizes[-1], 33, 5), 32),
    )


@both_precisions
@pytest.mark.parametrize(("bits", "grid"), GRIDS)
def test_perceptrons_of_every_width_and_grid_at_any_batch(activation_bits, bits, grid):
    rng = np.random.default_rng([bits, activation_bits])
    assert_same_at_any_batch(problem(mlp(bits, grid, rng), rng, 16, activation_bits))


@pytest.mark.parametrize("make", [mlp, convolutional], ids=["perceptron", "convolutional"])
def test_wide_activations_with_narrow_cotangents(make):
    rng = np.random.default_rng(7)
    networks = make(4, "wide", rng) if make is mlp else make(rng, 4, "wide")
    (generator, sensing, calibration), _, z, y = problem(networks, rng, 16, 16)
    mixed = replace(calibration, cotangent_bits=8)
    reference = IntegerEngine(generator, sensing, mixed)
    assert_same_at_any_batch(((generator, sensing, mixed), reference, z, y))


@pytest.mark.exhaustive
@both_precisions
@pytest.mark.parametrize("bits", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", [1, 2])
def test_convolutions_with_skips_at_any_batch(activation_bits, bits, seed):
    rng = np.random.default_rng([seed, bits, activation_bits])
    networks = convolutional(rng, bits, "binary" if bits == 1 else "wide")
    assert_same_at_any_batch(problem(networks, rng, 16, activation_bits))


@both_precisions
@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_every_op_with_an_integer_form(case, activation_bits):
    rng = np.random.default_rng(3)
    generator, sensing = around(case.program)
    z = case.inputs("random")
    try:
        calibration = ranges(generator, sensing, z, activation_bits)
        reference = IntegerEngine(generator, sensing, calibration)
    except ProgramError:
        with pytest.raises(ProgramError):
            NativeIntegerEngine(generator, sensing, ranges(generator, sensing, z, 8))
        return
    y = reference.sense(reference.generate(rng.permutation(z)))
    for kernel in kernels():
        native = NativeIntegerEngine(generator, sensing, calibration, instructions=kernel)
        assert_same(native, reference, z, y)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_number_of_threads_does_not_matter(threads):
    rng = np.random.default_rng(4)
    for networks in (mlp(4, "wide", rng), convolutional(rng, 2)):
        programs, reference, z, y = problem(networks, rng, 13, 8)
        native = NativeIntegerEngine(*programs, threads=threads)
        assert native.threads == threads
        assert_same(native, reference, z, y)
        assert_same(native, reference, z[:1], y[:1])


@pytest.mark.parametrize("kind", [{}, {"momentum": True}, {"projection": "unit-sphere"}])
@pytest.mark.parametrize("sparsity", [None, 4, 9])
@pytest.mark.parametrize("tolerance", [0.0, 0.02])
def test_the_proximal_loop_in_c_ends_in_the_same_bits(sparsity, tolerance, kind):
    rng = np.random.default_rng(5)
    programs, reference, z, y = problem(mlp(3, "wide", rng), rng, 7, 8)
    options = ProximalOptions(25, 0.05, sparsity, tolerance, **kind)
    expected = proximal(reference, y, z, options)
    for kernel in kernels():
        native = NativeIntegerEngine(*programs, instructions=kernel, threads=2)
        assert isinstance(native, ProximalEngine)
        latent, history, steps = native.proximal(z, y, options.loop)
        np.testing.assert_array_equal(latent, expected.latent)
        np.testing.assert_array_equal(steps, expected.steps)
        taken = len(expected.history)
        np.testing.assert_array_equal(history[:taken], expected.history)
        assert (history[taken:] == expected.loss).all()


def test_the_proximal_loop_leaves_its_start_alone():
    rng = np.random.default_rng(6)
    programs, _, z, y = problem(mlp(3, "wide", rng), rng, 2, 8)
    start = z.copy()
    NativeIntegerEngine(*programs).proximal(z, y, Loop(3, 0.05))
    np.testing.assert_array_equal(z, start)


def test_it_says_what_it_is_and_what_its_weights_take():
    rng = np.random.default_rng(7)
    networks = (
        perceptron(rng, "generator", "z", "x", (64, 128, 64), 4),
        perceptron(rng, "sensing", "x", "y", (64, 64), 32),
    )
    programs, *_ = problem(networks, rng, 1, 8)
    native = NativeIntegerEngine(*programs, instructions="scalar")
    assert (native.name, native.kernel, native.instructions) == ("integer", "native", "scalar")
    assert native.weight_bytes == (64 * 128 + 128 * 64) // 2 + 64 * 64


def test_measurements_are_corrected_as_in_numpy():
    bundle = tiny_bundle()
    golden = bundle.golden
    calibration = ranges(bundle.generator, bundle.sensing, golden.latents, 8)
    arguments = (bundle.generator, bundle.sensing, calibration, 8, golden)
    reference, native = IntegerEngine(*arguments), NativeIntegerEngine(*arguments)
    assert_same(native, reference, golden.latents, golden.measurements)


def test_no_rows_give_no_results():
    rng = np.random.default_rng(8)
    programs, _, z, y = problem(mlp(4, "wide", rng), rng, 2, 8)
    loss, gradient = NativeIntegerEngine(*programs).value_and_grad(z[:0], y[:0])
    assert loss.shape == (0,)
    assert gradient.shape == (0, 9)


def test_latents_of_any_layout_and_type_are_taken():
    rng = np.random.default_rng(9)
    programs, reference, z, y = problem(mlp(4, "wide", rng), rng, 3, 8)
    native = NativeIntegerEngine(*programs)
    scattered = np.asfortranarray(z.astype(np.float64))
    assert_same(native, reference, scattered, y[::-1])


def test_latents_beyond_any_number_do_as_in_numpy():
    rng = np.random.default_rng(10)
    programs, reference, z, y = problem(mlp(4, "wide", rng), rng, 4, 8)
    z[0], z[1], z[2, ::2], y[3, 0] = np.nan, np.inf, -1e30, np.nan
    assert_same(NativeIntegerEngine(*programs), reference, z, y)


def test_calls_from_several_threads_take_turns():
    rng = np.random.default_rng(11)
    programs, reference, z, y = problem(mlp(4, "wide", rng), rng, 6, 8)
    native = NativeIntegerEngine(*programs, threads=2)
    expected, found = reference.value_and_grad(z, y)[1], []

    def work():
        found.extend(native.value_and_grad(z, y)[1] for _ in range(50))

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == 150
    assert all(np.array_equal(one, expected) for one in found)


@pytest.mark.exhaustive
def test_engines_end_with_their_objects():
    rng = np.random.default_rng(12)
    programs, _, z, y = problem(mlp(4, "wide", rng), rng, 2, 8)
    gc.collect()  # engines of other tests
    before = len(os.listdir("/proc/self/task"))
    NativeIntegerEngine(*programs, threads=3).value_and_grad(z, y)
    gc.collect()
    assert len(os.listdir("/proc/self/task")) == before


@pytest.mark.parametrize(
    ("z_shape", "y_shape", "message"),
    [
        ((2, 8), (2, 5), "latents of 9 values a row"),
        ((9,), (1, 5), "latents of 9 values a row"),
        ((2, 9), (2, 4), "measurements of 5 values a row"),
        ((2, 9), (3, 5), "one measurement a latent"),
    ],
)
def test_rows_that_do_not_fit_are_refused(z_shape, y_shape, message):
    rng = np.random.default_rng(13)
    programs, *_ = problem(mlp(4, "wide", rng), rng, 1, 8)
    native = NativeIntegerEngine(*programs)
    z, y = np.zeros(z_shape, np.float32), np.zeros(y_shape, np.float32)
    with pytest.raises(UsageError, match=message):
        native.value_and_grad(z, y)


def refused(generator, match):
    """Assert that numpy runs a generator and the native kernels refuse it."""
    networks = around(generator)
    programs, _, _, _ = problem(networks, np.random.default_rng(14), 1, 8)
    with pytest.raises(ProgramError, match=rf"{match}.*use kernel='numpy'"):
        NativeIntegerEngine(*programs)


def test_one_tensor_as_images_of_two_shapes_is_refused():
    rng = np.random.default_rng(15)
    generator = chain(
        (2, 4, 4),
        ("Conv", ("w",), {"pads": (1, 1, 1, 1)}),
        ("Reshape", (), {"shape": (4, 4, 2)}),
        ("Conv", ("v",), {}),
        tensors={
            "w": weight(rng, (2, 2, 3, 3), 4, "wide", 0),
            "v": weight(rng, (3, 4, 2, 2), 4, "wide", 0),
        },
    )
    refused(generator, "images of one shape")


def test_a_product_along_one_axis_of_an_image_is_refused():
    rng = np.random.default_rng(16)
    generator = chain(
        (2, 4, 4),
        ("Conv", ("w",), {"pads": (1, 1, 1, 1)}),
        ("MatMul", ("v",), {}),
        tensors={"w": weight(rng, (2, 2, 3, 3), 4, "wide", 0), "v": floats(rng, 4, 3)},
    )
    refused(generator, "a dense node on whole images")


def test_the_latent_of_a_convolutional_generator_keeps_its_order():
    rng = np.random.default_rng(18)
    generator = chain(
        (3, 4, 4),
        ("ConvTranspose", ("w",), {"strides": (2, 2)}),
        tensors={"w": weight(rng, (3, 2, 2, 2), 2, "mid-rise", 1)},
    )
    programs, reference, z, y = problem(around(generator), rng, 2, 8)
    assert_same(NativeIntegerEngine(*programs), reference, z, y)


def test_measurements_that_are_images_keep_their_order():
    rng = np.random.default_rng(19)
    generator, _ = convolutional(rng, 4)
    _, sensing = around(generator)
    shape = sensing.inputs["x"]
    measuring = chain(
        shape, ("Conv", ("w",), {}), tensors={"w": weight(rng, (3, 6, 2, 2), 32, "wide", 0)}
    )
    flat = Node("Flatten", (measuring.output,), "y", {"axis": 1})
    network = type(sensing)(
        "sensing", {"z": shape}, "y", [*measuring.nodes, flat], measuring.tensors
    )
    programs, reference, z, y = problem((generator, network), rng, 3, 8)
    assert_same(NativeIntegerEngine(*programs), reference, z, y)
