"""Verifying ONNX graphs: what is right passes, and the first node that is wrong is named."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from bitprior_export.artefacts import check_artefacts, write_artefacts
from bitprior_export.artefacts.build import build_artefacts
from bitprior_export.graphs.adjoint import reverse
from bitprior_runtime.errors import CheckFailedError
from bitprior_runtime.profiles import load_profile
from builders.bundles import tiny_bundle, with_fista

PC = load_profile("pc")


@pytest.fixture
def bundle():
    return tiny_bundle()


@pytest.fixture
def models(bundle):
    return build_artefacts(bundle, PC)


def first_wrong(bundle, models, *kinds):
    """Return what the check says of some of the graphs."""
    with pytest.raises(CheckFailedError) as caught:
        check_artefacts(bundle, {kind: models[kind] for kind in kinds})
    return str(caught.value)


def initialiser(model, name):
    (tensor,) = (t for t in model.graph.initializer if t.name == name)
    return tensor


def change(model, name, change):
    """Replace an initialiser's values."""
    tensor = initialiser(model, name)
    tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor)), name))


def nodes(graph, op):
    found = [node for node in graph.node if node.op_type == op]
    for node in graph.node:
        for attribute in node.attribute:
            found += nodes(attribute.g, op) if attribute.HasField("g") else []
    return found


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 32])
@pytest.mark.parametrize("target", ["pc", "raspberry-pi-4", "jetson-nano", "jetson-agx-orin"])
def test_graphs_as_they_are_built_pass(bits, target):
    bundle = tiny_bundle(bits=bits)
    report = check_artefacts(bundle, build_artefacts(bundle, load_profile(target)))
    # Outputs of 7 + 6 nodes in generate and sense; in gradient and in a step of recover those,
    # the residual, and the cotangents of 7 + 7 tensors; in the step, z - beta grad and P_s.
    assert report.nodes == 13 + 2 * (13 + 1 + 14 + 1) + 2
    assert len(report.checks) == 8
    assert all(check.passed for check in report.checks)
    assert report.max_difference < (1e-6 if "jetson" not in target else 5e-3)


@pytest.mark.parametrize("kind", ["gradient", "recover"])
@pytest.mark.parametrize(
    ("weight", "node"),
    [("sensing/fc0.weight", "'fc0' (Gemm)"), ("sensing/fc1.weight", "'y' (Gemm)")],
)
def test_a_wrong_weight_is_named_by_the_node_that_reads_it(bundle, models, kind, weight, node):
    def damage(values):
        values = values.copy()
        values[1, 2] += 0.1
        return values

    change(models[kind], weight, damage)
    message = first_wrong(bundle, models, kind)
    assert f"at node {node} of {kind}.onnx" in message
    assert "first node that differs" in message


def test_one_wrong_code_among_the_packed_weights_is_found(bundle, models):
    tensor = initialiser(models["generate"], "generator/fc1.weight.int4")
    data = bytearray(tensor.raw_data)
    data[3] ^= 0x10  # the lowest bit of one weight
    tensor.raw_data = bytes(data)
    assert "at node 'fc1' (Gemm) of generate.onnx" in first_wrong(bundle, models, "generate")


@pytest.mark.parametrize("kind", ["sense", "gradient", "recover"])
def test_a_wrong_attribute_is_named(bundle, models, kind):
    found = [n for n in nodes(models[kind].graph, "LeakyRelu") if n.name == "sensing/act0"]
    assert len(found) == 1
    found[0].attribute[0].f = 0.3
    assert f"node 'act0' (LeakyRelu) of {kind}.onnx" in first_wrong(bundle, models, kind)


def test_an_adjoint_rule_that_is_wrong_is_named_and_nothing_is_written(
    tmp_path, bundle, monkeypatch
):
    right = reverse.RULES["Tanh"]

    def wrong(call):
        return call.builder.add("Neg", [right(call)])

    monkeypatch.setattr(reverse, "RULES", {**reverse.RULES, "Tanh": wrong})
    with pytest.raises(CheckFailedError) as caught:
        write_artefacts(bundle, tmp_path / "m-onnx", PC)
    assert "adjoint of node 'tanh' (Tanh), the cotangent of 'fc1' of gradient.onnx" in str(
        caught.value
    )
    assert not list(tmp_path.iterdir())


def test_an_adjoint_rule_that_drops_a_term_is_named(bundle, monkeypatch):
    monkeypatch.setattr(
        reverse, "RULES", {**reverse.RULES, "Mul": lambda call: call.builder.add(
            "Identity", [call.cotangent])},
    )  # fmt: skip
    models = build_artefacts(bundle, PC)
    # From the end: the sensing network's Mul comes before the generator's.
    assert "adjoint of node 'doubled' (Mul)" in first_wrong(bundle, models, "gradient")
    assert "recover.onnx" in first_wrong(bundle, models, "recover")


def test_a_cotangent_that_is_missing_is_named(bundle, models):
    graph = models["gradient"].graph
    for node in graph.node:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                if name == "sensing/flat.cotangent":
                    names[index] = "elsewhere"
    message = first_wrong(bundle, models, "gradient")
    assert "no such value" in message
    assert "cotangent of 'flat'" in message


def test_a_wrong_residual_is_named(bundle, models):
    (residual,) = (n for n in models["gradient"].graph.node if n.name == "residual")
    residual.op_type = "Add"
    assert "the residual of gradient.onnx" in first_wrong(bundle, models, "gradient")


def test_a_wrong_factor_of_the_residual_is_named(bundle, models):
    change(models["gradient"], "two", lambda two: two + np.float32(0.01))
    assert "the cotangent of 'y' of gradient.onnx" in first_wrong(bundle, models, "gradient")


def step_node(models, name):
    (loop,) = nodes(models["recover"].graph, "Loop")
    (body,) = (attribute.g for attribute in loop.attribute if attribute.name == "body")
    (node,) = (node for node in body.node if node.name == name)
    return node


def test_a_step_uphill_is_named(bundle, models):
    step_node(models, "step/moved").op_type = "Add"
    assert "the step z - beta grad" in first_wrong(bundle, models, "recover")


def test_a_stopped_row_that_moves_is_named(bundle, models):
    step_node(models, "step/next_z").input[1] = "step/moved"
    assert "P_s of the step" in first_wrong(bundle, models, "recover")


def test_a_threshold_that_keeps_another_number_of_entries_is_named(bundle, models):
    change(models["recover"], "sparsity", lambda s: s - 1)
    assert "P_s of the step" in first_wrong(bundle, models, "recover")


@pytest.mark.parametrize(
    ("node", "named"),
    [
        ("step/moved", "the step z - beta grad"),
        ("step/ahead", "the extrapolation"),
        ("step/next_theta", "theta"),
    ],
)
def test_a_turn_of_fista_that_is_wrong_is_named(bundle, node, named):
    fista = with_fista(bundle)
    models = build_artefacts(fista, PC)
    assert check_artefacts(fista, models).nodes == 13 + 2 * (13 + 1 + 14 + 1) + 4
    wrong = step_node(models, node)
    wrong.op_type = {"Sub": "Add", "Add": "Sub", "Div": "Mul"}[wrong.op_type]
    assert named in first_wrong(fista, models, "recover")


def test_graphs_that_are_right_inside_and_wrong_as_a_whole_are_refused(bundle, models):
    # The image is drawn again from the last latent: that part is in no turn of the loop.
    for node in models["recover"].graph.node:
        if node.name == "output image":
            node.op_type = "Neg"
    assert "recover, 10 steps: image" in first_wrong(bundle, models, "recover")


def test_a_graph_that_onnxruntime_does_not_know_is_refused(bundle, models):
    models["generate"].opset_import[0].version = 999
    with pytest.raises(ValueError, match="can load"):
        check_artefacts(bundle, {"generate": models["generate"]})


def test_checking_leaves_the_graphs_as_they_were(bundle, models):
    before = {kind: model.SerializeToString(deterministic=True) for kind, model in models.items()}
    check_artefacts(bundle, models)
    after = {kind: model.SerializeToString(deterministic=True) for kind, model in models.items()}
    assert before == after
    for model in models.values():
        onnx.checker.check_model(model, full_check=True)
