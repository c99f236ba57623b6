"""What a program takes: numbers that were worked out by hand."""

import math
import tracemalloc

import numpy as np
import pytest

from bitprior_runtime import load
from bitprior_runtime.budget import Budget, budget, check_budget, rows_within
from bitprior_runtime.bundle.limits import BATCH_BYTES, MAX_FRAME_BYTES, MAX_PROGRAM_BYTES
from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.engines.tape import NumpyProgram
from bitprior_runtime.errors import ProgramError
from bitprior_runtime.frames.reframe import reframe
from bitprior_runtime.info import needed
from bitprior_runtime.ops.convolution import STRIP_BYTES
from bitprior_runtime.program import Node, Program
from bitprior_runtime.shapes import infer_shapes
from bitprior_runtime.tensors import FloatTensor
from builders.cases import name_of
from builders.op_cases import CASES


def program(inputs, *nodes, **tensors):
    constants = {name: FloatTensor(np.ones(shape, np.float32)) for name, shape in tensors.items()}
    return Program("p", inputs, nodes[-1].output, list(nodes), constants)


def test_values_are_counted_once_and_scratch_by_its_largest_node():
    relu = program({"in": (2, 4, 4)}, Node("Relu", ("in",), "a"), Node("Tanh", ("a",), "b"))
    assert budget([relu]) == Budget(values=4 * 3 * 32, scratch=0)
    conv = Node("Conv", ("in", "w"), "a", {"pads": (1, 1, 1, 1)})
    network = program({"in": (2, 4, 4)}, conv, Node("Tanh", ("a",), "b"), w=(3, 2, 3, 3))
    patches = 2 * (6 * 6 + 9 * 4 * 4) + 3 * 4 * 4  # of the padded input, and their product
    assert budget([network]) == Budget(4 * (32 + 48 + 48), 4 * patches)
    assert budget([relu, network]) == Budget(4 * (96 + 128), 4 * patches)


def test_a_transposed_convolution_needs_patches_of_its_output():
    node = Node("ConvTranspose", ("in", "w"), "a", {"strides": (2, 2)})
    network = program({"in": (2, 4, 4)}, node, w=(2, 3, 2, 2))
    scratch = 4 * (3 * (64 + 4 * 16) + 2 * 16)
    assert budget([network]) == Budget(4 * (32 + 3 * 64), scratch)


def test_the_matrices_of_a_resize_are_kept():
    node = Node("Resize", ("in",), "a", {"sizes": (8, 6), "mode": "linear"})
    found = budget([program({"in": (2, 4, 4)}, node)])
    assert found == Budget(4 * (32 + 96) + 8 * (32 + 24), 4 * (96 + 32))


def test_a_program_beyond_its_budget_is_refused_in_megabytes():
    wide = program({"in": (64, 1024, 1024)}, Node("Relu", ("in",), "a"))
    with pytest.raises(ProgramError, match=r"at most 268 MB for one image; found 537 MB"):
        check_budget([wide], MAX_PROGRAM_BYTES)
    check_budget([wide], MAX_FRAME_BYTES)


def test_sizes_far_beyond_int64_are_added_up_exactly():
    huge = program({"in": (2**20,)}, *(Node("Relu", ("in",), f"a{i}") for i in range(4096)))
    assert budget([huge]).values == 4 * 2**20 * 4097


def test_the_priors_that_come_with_bitprior_take_little():
    assert needed(load("mnist-4bit-m100").bundle).total < 2_000_000


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_every_op_has_a_budget_that_covers_its_values(case):
    shapes = infer_shapes(case.program)
    read = {*case.program.inputs, *(node.output for node in case.program.nodes)}
    assert budget([case.program]).values >= 4 * sum(math.prod(shapes[name]) for name in read)


def test_a_convolution_of_large_maps_is_worked_on_in_strips():
    node = Node("Conv", ("in", "w"), "a", {"pads": (1, 1, 1, 1)})
    large = program({"in": (8, 1024, 1024)}, node, w=(8, 8, 3, 3))
    unrolled = 4 * 8 * 9 * 1024 * 1024
    assert budget([large]).scratch < unrolled / 3
    row, product = 4 * 8 * 9 * 1024, 4 * 8 * 1024
    rows = STRIP_BYTES // row
    assert budget([large]).scratch == 4 * 8 * 1026 * 1026 + rows * (row + product)


def peak_of(run):
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["mnist-4bit-m25", "photo-4bit", "photo-1bit"])
def test_a_gradient_takes_what_the_budget_says(name):
    bundle = load(name).bundle
    engine, golden = FloatEngine(bundle.generator, bundle.sensing), bundle.golden
    z, y = golden.latents[:1], golden.measurements[:1]
    engine.value_and_grad(z, y)
    peak = peak_of(lambda: engine.value_and_grad(z, y))
    assert 0.5 < peak / needed(bundle).total < 1.5


def test_a_photo_of_half_a_megapixel_takes_what_the_budget_says():
    bundle, frame = load("photo-4bit").bundle, (768, 768)
    generator = reframe(bundle.generator, bundle.manifest.geometry[1:], frame)
    runner = NumpyProgram(generator, np.float32)
    z = np.zeros((1, *generator.inputs["z"]), np.float32)
    cotangent = np.ones((1, 1, *frame), np.float32)
    peak = peak_of(lambda: runner.backward(runner.forward({"z": z}), cotangent))
    assert 0.5 < peak / budget([generator]).total < 1.5


def test_many_golden_cases_are_replayed_a_few_at_a_time(monkeypatch):
    model = load("mnist-4bit-m25")
    at_once = [check.difference for check in model.verify("float", "numpy")]
    seen = []
    engine = model.engine("float", "numpy")
    whole = engine.generate
    monkeypatch.setattr(engine, "generate", lambda z: seen.append(len(z)) or whole(z))
    monkeypatch.setattr("bitprior_runtime.golden.rows_within", lambda programs: 5)
    checks = model.verify("float", "numpy")
    assert all(check.passed for check in checks)
    assert len(checks) == len(at_once)
    assert set(seen) == {5, len(model.bundle.golden.latents) - 5}


def test_rows_of_a_large_program_go_through_in_turns():
    wide = program({"in": (64, 256, 256)}, Node("Relu", ("in",), "a"))
    assert rows_within([wide]) == BATCH_BYTES // (2 * 4 * 64 * 256 * 256)
    assert rows_within([program({"in": (2**28,)}, Node("Relu", ("in",), "a"))]) == 1
