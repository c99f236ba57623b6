"""ONNX files for a board: versions, batch, precision, and what they say about themselves."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from bitprior_export.artefacts import build
from bitprior_export.artefacts.build import build_artefacts
from bitprior_runtime.errors import UsageError
from bitprior_runtime.profiles import load_profile, profile_names
from bitprior_runtime.program import Node, Program
from bitprior_runtime.tensors import FloatTensor
from builders.bundles import smallest_bundle, tiny_bundle


def types(model):
    return {tensor.data_type for tensor in model.graph.initializer}


def first_dimensions(model):
    values = [*model.graph.input, *model.graph.output]
    shapes = [value.type.tensor_type.shape.dim for value in values]
    return {dims[0].dim_value or dims[0].dim_param for dims in shapes if dims}


@pytest.mark.parametrize("name", profile_names())
def test_every_target_gets_valid_files_in_its_versions(name):
    target = load_profile(name)
    models = build_artefacts(tiny_bundle(), target)
    assert list(models) == list(target.onnx.files)
    for kind, model in models.items():
        onnx.checker.check_model(model, full_check=True)
        assert [(o.domain, o.version) for o in model.opset_import] == [("", target.onnx.opset)]
        assert model.ir_version == target.onnx.ir_version
        expected = {target.onnx.batch or "batch"} | ({"steps"} if kind == "recover" else set())
        assert first_dimensions(model) == expected
        # float32 comes in and goes out, whatever is computed in.
        ends = {v.type.tensor_type.elem_type for v in (*model.graph.input, *model.graph.output)}
        assert ends <= {TensorProto.FLOAT, TensorProto.INT64}


def test_tensorrt_targets_get_float16_and_all_others_float32():
    jetson = build_artefacts(tiny_bundle(bits=32), load_profile("jetson-orin-nano"))
    assert types(jetson["generate"]) == {TensorProto.FLOAT16, TensorProto.INT64}
    assert types(jetson["gradient"]) == {TensorProto.FLOAT, TensorProto.INT64}
    pc = build_artefacts(tiny_bundle(bits=32), load_profile("pc"))
    assert types(pc["generate"]) == {TensorProto.FLOAT, TensorProto.INT64}


@pytest.mark.parametrize(
    ("bits", "name", "packed"),
    [
        (4, "pc", TensorProto.INT4),
        (4, "jetson-nano", TensorProto.UINT8),
        (2, "pc", TensorProto.UINT8),
        (2, "raspberry-pi-4", TensorProto.INT2),
        (3, "raspberry-pi-4", TensorProto.UINT8),
        (1, "raspberry-pi-4", TensorProto.UINT8),
    ],
)
def test_weights_are_packed_in_a_type_that_the_targets_opset_has(bits, name, packed):
    models = build_artefacts(tiny_bundle(bits=bits), load_profile(name))
    for kind in ("generate", "gradient", "recover"):
        found = types(models[kind]) & {TensorProto.INT4, TensorProto.INT2, TensorProto.UINT8}
        assert found == {packed}


def test_every_file_says_what_it_is():
    bundle = tiny_bundle(bits=3)
    for kind, model in build_artefacts(bundle, load_profile("jetson-orin-nano")).items():
        said = {entry.key: entry.value for entry in model.metadata_props}
        assert said["kind"] == kind
        assert (said["name"], said["bits"], said["grid"]) == ("tiny", "3", "wide")
        assert (said["geometry"], said["value_range"]) == ("1,2,3", "0,1")
        assert (said["latent"], said["measurements"]) == ("4", "3")
        assert float(said["step_size"]) == bundle.manifest.solver.step_size
        assert (said["sparsity"], said["steps"]) == ("3", "20")
        assert said["precision"] == ("float16" if kind in ("generate", "sense") else "float32")
        assert "session.disable_quant_qdq=1" in said["session"]
        ends = [f"input.{value.name}" for value in model.graph.input]
        ends += [f"output.{value.name}" for value in model.graph.output]
        assert ends == [key for key in said if key.startswith(("input.", "output."))]


def test_a_dense_float_prior_says_so():
    bundle = tiny_bundle(bits=32)
    solver = replace(bundle.manifest.solver, sparsity=None)
    dense = replace(bundle, manifest=replace(bundle.manifest, solver=solver))
    model = build_artefacts(dense, load_profile("pc"))["recover"]
    said = {entry.key: entry.value for entry in model.metadata_props}
    assert (said["bits"], said["grid"], said["granularity"]) == ("32", "none", "none")
    assert said["sparsity"] == "none"
    (body,) = (a.g for n in model.graph.node for a in n.attribute if a.name == "body")
    assert "TopK" not in {node.op_type for node in body.node}


def test_the_same_bundle_gives_the_same_bytes():
    first, second = (
        build_artefacts(smallest_bundle(), load_profile("pc"))["recover"] for _ in range(2)
    )
    assert first.SerializeToString(deterministic=True) == second.SerializeToString(
        deterministic=True
    )


def test_an_op_that_the_targets_opset_lacks_is_refused_with_the_target_named(monkeypatch):
    def newer(bundle, said, form):
        node = Node("Gelu", ("z",), "x")  # since opset 20
        program = Program("generator", {"z": (4,)}, "x", [node], {})
        return build.build_generate(program, said, form)

    shapes = {"z": (4,), "x": (4,)}
    monkeypatch.setattr("bitprior_export.graphs.forward.infer_shapes", lambda program: shapes)
    monkeypatch.setattr(build, "BUILDERS", {**build.BUILDERS, "generate": newer})
    with pytest.raises(UsageError, match=r"opset 15 .* Jetson Nano .* generate\.onnx"):
        build_artefacts(tiny_bundle(), load_profile("jetson-nano"))


def test_float16_files_are_half_as_large_where_weights_are_floats():
    rng = np.random.default_rng(0)
    bundle = tiny_bundle(bits=32)
    weight = FloatTensor(rng.standard_normal((600, 4)).astype(np.float32))
    other = FloatTensor(rng.standard_normal((6, 600)).astype(np.float32))
    bias = FloatTensor(np.zeros(600, np.float32))
    tensors = {**bundle.generator.tensors, "fc0.weight": weight, "fc0.bias": bias}
    generator = replace(bundle.generator, tensors={**tensors, "fc1.weight": other})
    large = replace(bundle, generator=generator)
    full, half = (
        build_artefacts(large, load_profile(name))["generate"].ByteSize()
        for name in ("pc", "jetson-orin-nano")
    )
    assert half < 0.6 * full
