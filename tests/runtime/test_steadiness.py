"""Rows of a recovery that hinge on rounding are told from those that do not."""

import numpy as np

from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.program import Node, Program
from bitprior_runtime.solvers import ProximalOptions, proximal
from bitprior_runtime.solvers.steadiness import steady_rows
from bitprior_runtime.tensors import FloatTensor
from builders.bundles import tiny_bundle

OPTIONS = ProximalOptions(steps=5, step_size=0.1, sparsity=1)


def engine(weights):
    """f(z) = ||y - W z||^2."""
    matrix = FloatTensor(np.asarray(weights, dtype=np.float32))
    size = len(matrix.array)
    generator = Program(
        "generator",
        {"z": (size,)},
        "x",
        [Node("Reshape", ("z",), "x", {"shape": (1, 1, size)})],
        {},
    )
    nodes = [Node("Flatten", ("x",), "f"), Node("MatMul", ("f", "w"), "y")]
    return FloatEngine(
        generator, Program("sensing", {"x": (1, 1, size)}, "y", nodes, {"w": matrix})
    )


def test_a_row_whose_two_largest_entries_tie_is_not_steady():
    # P_1 keeps one of two entries; what is left of the loss depends on which.
    linear = engine([[1.0, 0.0], [0.0, 2.0]])
    z0 = np.zeros((3, 2), dtype=np.float32)
    y = np.array([[1.0, 0.5], [1.0, 0.1], [0.1, 1.0]], dtype=np.float32)
    assert steady_rows(linear, y, z0, OPTIONS).tolist() == [False, True, True]


def test_rows_far_from_every_fork_are_steady_and_the_solver_is_not_changed():
    bundle = tiny_bundle()
    model = FloatEngine(bundle.generator, bundle.sensing)
    golden = bundle.golden
    before = proximal(model, golden.measurements, golden.latents, OPTIONS).history
    steady = steady_rows(model, golden.measurements, golden.latents, OPTIONS)
    assert steady.all()
    assert steady.shape == (3,)
    after = proximal(model, golden.measurements, golden.latents, OPTIONS).history
    np.testing.assert_array_equal(before, after)
