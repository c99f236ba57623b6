"""What a program takes: numbers that were worked out by hand."""

import math

import numpy as np
import pytest

from bitprior_runtime import load
from bitprior_runtime.budget import Budget, budget, check_budget
from bitprior_runtime.bundle.limits import MAX_FRAME_BYTES, MAX_PROGRAM_BYTES
from bitprior_runtime.errors import ProgramError
from bitprior_runtime.info import needed
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
    patches = 2 * (6 * 6 + 9 * 4 * 4)
    assert budget([network]) == Budget(4 * (32 + 48 + 48), 4 * patches)
    assert budget([relu, network]) == Budget(4 * (96 + 128), 4 * patches)


def test_a_transposed_convolution_needs_patches_of_its_output():
    node = Node("ConvTranspose", ("in", "w"), "a", {"strides": (2, 2)})
    network = program({"in": (2, 4, 4)}, node, w=(2, 3, 2, 2))
    assert budget([network]) == Budget(4 * (32 + 3 * 64), 4 * 3 * (64 + 4 * 16))


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
