"""``bitprior compare``: the first layer in which two exports differ."""

import json
from dataclasses import replace

import numpy as np
import onnx
import pytest

from bitprior_export.artefacts import write_artefacts
from bitprior_export.artefacts.compare import compare
from bitprior_export.bundle import write_bundle
from bitprior_runtime.cli.main import run
from bitprior_runtime.errors import MissingFileError, UsageError
from bitprior_runtime.profiles import load_profile
from bitprior_runtime.program import Node
from bitprior_runtime.tensors import FloatTensor
from builders.bundles import smallest_bundle, tiny_bundle


def other_weight(bundle):
    """The same with one weight of the sensing network changed."""
    values = bundle.sensing.tensors["fc1.weight"].array.copy()
    values[1, 1] += 0.25
    tensors = {**bundle.sensing.tensors, "fc1.weight": FloatTensor(values)}
    return replace(bundle, sensing=replace(bundle.sensing, tensors=tensors))


def other_op(bundle):
    """The same with a Relu in the place of the sensing network's LeakyRelu."""
    nodes = [
        Node("Relu", node.inputs, node.output) if node.op == "LeakyRelu" else node
        for node in bundle.sensing.nodes
    ]
    return replace(bundle, sensing=replace(bundle.sensing, nodes=tuple(nodes)))


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports")
    bundles = {
        "a": tiny_bundle(),
        "same": tiny_bundle(),
        "weight": other_weight(tiny_bundle()),
        "op": other_op(tiny_bundle()),
        "small": smallest_bundle(),
    }
    for name, bundle in bundles.items():
        write_bundle(folder / f"{name}.bitprior", bundle)
    write_artefacts(bundles["a"], folder / "a-onnx", load_profile("pc"))
    write_artefacts(bundles["a"], folder / "jetson-onnx", load_profile("jetson-orin-nano"))
    return folder


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a.bitprior", "same.bitprior"),
        ("a.bitprior", "a-onnx"),
        ("a-onnx", "a.bitprior"),
        ("a-onnx", "jetson-onnx"),
        ("a-onnx/gradient.onnx", "jetson-onnx/gradient.onnx"),
        ("a-onnx/recover.onnx", "jetson-onnx/recover.onnx"),
        ("a-onnx/generate.onnx", "a-onnx/generate.onnx"),
    ],
)
def test_equal_exports_are_equal(exports, first, second):
    found = compare(exports / first, exports / second)
    assert found.first is None
    assert found.max_difference < 1e-6
    # 7 and 6 nodes and the cotangents of as many tensors and of two inputs.
    assert found.layers == (7 if "generate" in first else 28)


def test_the_layer_with_another_weight_is_found(exports):
    found = compare(exports / "a.bitprior", exports / "weight.bitprior")
    assert found.first is not None
    assert (found.first.layer, found.first.ops) == ("sensing/y", ("Gemm", "Gemm"))
    assert found.layers == 12  # all before it
    assert found.first.difference > 0.01


def test_the_layer_with_another_op_is_found(exports):
    found = compare(exports / "a.bitprior", exports / "op.bitprior")
    assert (found.first.layer, found.first.ops) == ("sensing/act0", ("LeakyRelu", "Relu"))


def test_a_file_in_float16_is_not_equal_to_one_in_float32(exports):
    found = compare(exports / "a-onnx" / "generate.onnx", exports / "jetson-onnx" / "generate.onnx")
    assert found.first.layer.startswith("generator/")
    assert 0 < found.first.difference < 1e-2


def test_inputs_of_other_shapes_are_named(exports):
    found = compare(exports / "a.bitprior", exports / "small.bitprior")
    assert (found.first.layer, found.first.shapes) == ("the input z", ((4,), (2,)))
    assert found.layers == 0


def test_a_layer_that_one_export_lacks_is_named(exports, tmp_path):
    model = onnx.load(exports / "a-onnx" / "sense.onnx")
    (node,) = (n for n in model.graph.node if n.name == "sensing/doubled")
    for reader in model.graph.node:
        for index, name in enumerate(reader.input):
            if name == node.output[0]:
                reader.input[index] = "renamed"
    node.output[0] = "renamed"
    onnx.save(model, tmp_path / "sense.onnx")
    found = compare(exports / "a-onnx" / "sense.onnx", tmp_path / "sense.onnx")
    assert (found.first.layer, found.first.ops) == ("sensing/doubled", ("Mul", ""))
    back = compare(tmp_path / "sense.onnx", exports / "a-onnx" / "sense.onnx")
    assert back.first.layer == "sensing/doubled"
    assert back.first.ops == ("", "Mul")


def test_graphs_that_nobody_here_made_are_compared_by_their_own_names(tmp_path):
    value = onnx.helper.make_tensor_value_info
    for name, alpha in (("a", 0.1), ("b", 0.2)):
        nodes = [
            onnx.helper.make_node("Neg", ["in"], ["first"]),
            onnx.helper.make_node("LeakyRelu", ["first"], ["out"], alpha=alpha),
        ]
        ends = (value("in", 1, ["n", 3]), value("out", 1, ["n", 3]))
        graph = onnx.helper.make_graph(nodes, "g", [ends[0]], [ends[1]])
        opset = [onnx.helper.make_opsetid("", 17)]
        onnx.save(
            onnx.helper.make_model(graph, opset_imports=opset, ir_version=8),
            tmp_path / f"{name}.onnx",
        )
    found = compare(tmp_path / "a.onnx", tmp_path / "b.onnx")
    assert (found.first.layer, found.layers) == ("out", 1)


@pytest.mark.parametrize(
    ("first", "second", "error", "message"),
    [
        ("a.bitprior", "a-onnx/sense.onnx", UsageError, "of one kind"),
        ("none", "a.bitprior", MissingFileError, "none"),
        ("a.bitprior", "none.onnx", MissingFileError, "No such file"),
        ("a.bitprior", "text.onnx", UsageError, "an ONNX file"),
    ],
)
def test_what_cannot_be_compared_is_refused(exports, first, second, error, message):
    (exports / "text.onnx").write_text("no model")
    with pytest.raises(error, match=message):
        compare(exports / first, exports / second)


def test_the_verb_says_what_differs_and_ends_with_status_1(exports, capsys):
    a = str(exports / "a.bitprior")
    assert run(["compare", a, str(exports / "a-onnx")]) == 0
    assert capsys.readouterr().out.startswith("Equal: 28 layers equal")
    assert run(["compare", a, str(exports / "op.bitprior")]) == 1
    out = capsys.readouterr().out
    assert "First difference at sensing/act0 (LeakyRelu and Relu" in out
    assert run(["compare", a, str(exports / "weight.bitprior"), "--json"]) == 1
    result = json.loads(capsys.readouterr().out)
    assert result["equal"] is False
    assert result["first"]["layer"] == "sensing/y"
    assert np.isfinite(result["first"]["difference"])
