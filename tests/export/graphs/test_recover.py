"""recover.onnx: the proximal solver, step by step, in one graph."""

from dataclasses import replace

import numpy as np
import pytest
from onnx import TensorProto

from bitprior_export.graphs import Form, StepRule, build_gradient, build_recover
from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.onnx_graph import OnnxGraph, scalars
from bitprior_runtime.program import Node, Program
from bitprior_runtime.solvers import ProximalOptions, hard_threshold, proximal
from bitprior_runtime.tensors import FloatTensor
from builders import convolutional
from builders.bundles import tiny_bundle

RNG = np.random.default_rng(0)
BETA = 0.05


def normal(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def compare(generator, sensing, rule, y, z0, steps=25, tolerance=0.0, beta=BETA, form=None):
    """Recover with the graph and with numpy; return what the graph found and the history.

    ``rule``: a StepRule, or s.
    """
    if not isinstance(rule, StepRule):
        rule = StepRule(rule)
    model = build_recover(generator, sensing, rule, {}, form or Form())
    found = OnnxGraph(model.SerializeToString()).run(
        {"y": y, "z0": z0, **scalars(beta, steps, tolerance)}
    )
    engine = FloatEngine(generator, sensing)
    options = ProximalOptions(
        steps, beta, rule.sparsity, tolerance, momentum=rule.momentum, projection=rule.projection
    )
    expected = proximal(engine, y, z0, options)
    np.testing.assert_allclose(found["z"], expected.latent, atol=1e-5)
    np.testing.assert_allclose(found["image"], engine.generate(expected.latent), atol=1e-5)
    np.testing.assert_allclose(found["loss"], expected.loss, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(found["steps"], expected.steps)
    # Where all rows stopped early, one of the two may repeat its last value more often.
    steps = max(len(found["history"]), len(expected.history))
    ours, theirs = (
        np.pad(history, ((0, steps - len(history)), (0, 0)), mode="edge")
        for history in (found["history"], expected.history)
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    return found, expected


@pytest.mark.parametrize("sparsity", [2, None])
@pytest.mark.parametrize("bits", [1, 2, 3, 4, 32])
def test_the_graph_recovers_what_the_solver_does(bits, sparsity):
    bundle = tiny_bundle(bits=bits)
    found, _ = compare(bundle.generator, bundle.sensing, sparsity, normal(5, 3), normal(5, 4))
    assert found["history"].shape == (26, 5)
    assert np.count_nonzero(found["z"], axis=1).max() == (sparsity or 4)


@pytest.mark.parametrize("bits", [1, 4, 32])
def test_the_graph_recovers_with_a_dcgan_too(tmp_path, bits):
    generator = convolutional.translated(
        convolutional.generator(bits), tmp_path / "g.onnx", "generator"
    ).program
    sensing = convolutional.translated(
        convolutional.sensing(), tmp_path / "s.onnx", "sensing"
    ).program
    y = FloatEngine(generator, sensing).sense(convolutional.images(2).numpy())
    compare(generator, sensing, 4, y, convolutional.latents(2).numpy(), steps=10, beta=0.01)


@pytest.mark.parametrize("opset", [13, 15, 17, 18, 20, 21, 25])
def test_every_opset_of_a_target_gives_the_same(opset):
    bundle = tiny_bundle(bits=2)
    form = Form(opset, 13 if opset == 25 else 7)
    compare(bundle.generator, bundle.sensing, 3, normal(2, 3), normal(2, 4), form=form)


@pytest.mark.parametrize("momentum", [False, True])
def test_rows_stop_by_themselves_and_keep_their_latent(momentum):
    bundle, rng = tiny_bundle(), np.random.default_rng(1)
    found, expected = compare(
        bundle.generator,
        bundle.sensing,
        StepRule(3, momentum=momentum),
        rng.standard_normal((6, 3)).astype(np.float32),
        rng.standard_normal((6, 4)).astype(np.float32),
        60,
        tolerance=0.03,
        beta=0.2,
    )
    assert len(set(expected.steps)) > 1  # not all in the same step
    assert len(found["history"]) < 61  # and all of them before the last


def test_without_a_tolerance_no_row_stops_even_where_nothing_changes():
    bundle = tiny_bundle()
    found, _ = compare(
        bundle.generator, bundle.sensing, 3, normal(2, 3), normal(2, 4), steps=3, beta=1e-12
    )
    assert len(found["history"]) == 4


def identity_program(name, size, source, target):
    """f(z) = ||y - z||^2 through a generator and a sensing network that do nothing."""
    node = Node("MatMul", (source, "eye"), target)
    eye = FloatTensor(np.eye(size, dtype=np.float32))
    if name == "sensing":
        return Program(name, {source: (1, 1, size)}, target,
                       [Node("Flatten", (source,), "f"), Node("MatMul", ("f", "eye"), target)],
                       {"eye": eye})  # fmt: skip
    reshaped = Node("Reshape", ("p",), target, {"shape": (1, 1, size)})
    return Program(
        name, {source: (size,)}, target, [Node(node.op, node.inputs, "p"), reshaped], {"eye": eye}
    )


def test_of_equal_magnitudes_the_lower_index_is_kept_as_in_hard_threshold():
    generator = identity_program("generator", 6, "z", "x")
    sensing = identity_program("sensing", 6, "x", "y")
    y = np.array([[1, -1, 1, 1, -1, 1], [0, 2, -2, 0, 2, 0]], np.float32)
    found, _ = compare(generator, sensing, 3, y, np.zeros((2, 6), np.float32), steps=1, beta=0.25)
    np.testing.assert_array_equal(found["z"], hard_threshold(y / 2, 3))
    assert (found["z"] != 0).tolist() == [[True] * 3 + [False] * 3, [False, True, True, False, True,
                                                                     False]]  # fmt: skip


def test_a_graph_for_one_row_takes_many_in_turns():
    bundle = tiny_bundle()
    y, z0 = normal(4, 3), normal(4, 4)
    form = Form(batch=1)
    found, _ = compare(bundle.generator, bundle.sensing, 3, y, z0, 40, 0.02, form=form)
    assert found["history"].shape[1] == 4
    model = build_recover(bundle.generator, bundle.sensing, StepRule(3), {}, form)
    assert [v.type.tensor_type.shape.dim[0].dim_value for v in model.graph.input[:2]] == [1, 1]


@pytest.mark.parametrize("bits", [1, 4])
def test_weights_are_stored_once_and_outside_the_loop(bits):
    bundle = tiny_bundle(bits=bits)
    model = build_recover(bundle.generator, bundle.sensing, StepRule(3), {})
    (loop,) = (node for node in model.graph.node if node.op_type == "Loop")
    (body,) = (attribute.g for attribute in loop.attribute if attribute.name == "body")
    assert not body.initializer
    ops = {node.op_type for node in body.node}
    assert not ops & {"DequantizeLinear", "Mod"}  # nothing is unpacked at each turn
    gradient = build_gradient(bundle.generator, bundle.sensing, {})
    for kind in (TensorProto.INT4, TensorProto.UINT8):
        weights = [
            sorted(t.name for t in graph.initializer if t.data_type == kind)
            for graph in (model.graph, gradient.graph)
        ]
        assert weights[0] == weights[1]


@pytest.mark.parametrize("sparsity", [2, None])
def test_the_graph_projects_to_the_unit_sphere_as_the_solver_does(sparsity):
    bundle = tiny_bundle(bits=4)
    rule = StepRule(sparsity, "unit-sphere")
    found, _ = compare(bundle.generator, bundle.sensing, rule, normal(5, 3), normal(5, 4))
    np.testing.assert_allclose(np.linalg.norm(found["z"], axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("sparsity", [2, None])
@pytest.mark.parametrize("bits", [1, 4, 32])
def test_the_graph_runs_fista(bits, sparsity):
    bundle = tiny_bundle(bits=bits)
    rule = StepRule(sparsity, momentum=True)
    y = FloatEngine(bundle.generator, bundle.sensing).sense(normal(5, 1, 2, 3))
    z0 = normal(5, 4)
    found, _ = compare(bundle.generator, bundle.sensing, rule, y, z0, 40, beta=0.3)
    plain = proximal(
        FloatEngine(bundle.generator, bundle.sensing), y, z0, ProximalOptions(40, 0.3, sparsity)
    )
    assert np.abs(found["z"] - plain.latent).max() > 1e-3


def test_the_graph_restarts_where_the_solver_does():
    """Once by the slope, at the second row by a loss that has risen."""
    steep = FloatTensor(np.diag(np.array([1, 10], np.float32)))
    generator = replace(identity_program("generator", 2, "z", "x"), tensors={"eye": steep})
    sensing = identity_program("sensing", 2, "x", "y")
    y, z0 = np.ones((2, 2), np.float32), np.array([[3, -2], [-40, 0.1]], np.float32)
    rule = StepRule(momentum=True)
    _, expected = compare(generator, sensing, rule, y, z0, 60, beta=0.004)
    assert (np.diff(expected.history, axis=0) > 0).any()


@pytest.mark.parametrize("opset", [13, 15, 18, 21])
def test_every_opset_runs_fista(opset):
    bundle = tiny_bundle(bits=2)
    rule = StepRule(3, momentum=True)
    y, z0 = normal(2, 3), normal(2, 4)
    compare(bundle.generator, bundle.sensing, rule, y, z0, 20, 0.02, form=Form(opset, 7))


def test_fista_for_one_row_takes_many_in_turns():
    bundle = tiny_bundle()
    rule = StepRule(3, momentum=True)
    y, z0 = normal(4, 3), normal(4, 4)
    compare(bundle.generator, bundle.sensing, rule, y, z0, 40, 0.02, form=Form(batch=1))
