"""Programs as QONNX: read back, run and cleaned by qonnx, and costed as bitprior info does."""

import json

import numpy as np
import pytest
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.util.cleanup import cleanup_model
from qonnx.util.inference_cost import inference_cost

from bitprior_export.cuts import cut
from bitprior_export.qonnx.document import open_onnx
from bitprior_export.qonnx.execution import execute
from bitprior_export.qonnx.program_writer import program_to_qonnx
from bitprior_export.qonnx.reader import translate
from bitprior_runtime.cost import cost
from bitprior_runtime.engines.tape import NumpyProgram
from bitprior_runtime.errors import UsageError
from bitprior_runtime.info import costs
from bitprior_runtime.program import Node, Program
from bitprior_runtime.summary import summarise
from bitprior_runtime.tensors import QuantisedTensor
from builders import convolutional
from builders.bundles import tiny_bundle, tiny_generator
from builders.surgery import NETWORKS, random_weights

FACTS = {"bits": 4, "geometry": [1, 2, 3], "value_range": [0.0, 1.0]}
GRIDS = [(1, "binary"), *((b, g) for b in (2, 3, 4, 8) for g in ("wide", "narrow", "mid-rise"))]


def networks(bits):
    """Return an MLP, a narrow DCGAN, VAE and BEGAN, and a cut of the last with two latents."""
    made = {name: make(random_weights(bits)) for name, make in NETWORKS.items()}
    bundle = tiny_bundle(bits)
    cut_began = cut(made["began"], 2).program
    return {**made, "mlp": bundle.generator, "sensing": bundle.sensing, "cut": cut_began}


def inputs_of(program, rows=3):
    (shape,) = program.inputs.values()
    return np.random.default_rng(0).standard_normal((rows, *shape)).astype(np.float32)


def run(program, value):
    (name,) = program.inputs
    return NumpyProgram(program, np.float32).forward({name: value})


def read_back(program):
    (name,) = program.inputs
    return translate(program_to_qonnx(program, FACTS), program.name, name, program.output)


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 32])
def test_qonnx_gives_the_values_of_the_float_engine(bits):
    for program in networks(bits).values():
        x = inputs_of(program)
        expected = run(program, x)[program.output]
        found = execute(program_to_qonnx(program, FACTS), x)[program.output]
        assert np.abs(found - expected).max() <= 1e-5 * max(1, np.abs(expected).max())


@pytest.mark.parametrize("name", ["mlp", "dcgan", "sensing"])
def test_read_back_it_is_the_same_program(name):
    program = networks(3)[name]
    found = read_back(program).program
    assert [(n.op, n.inputs, n.output) for n in found.nodes] == [
        (n.op, n.inputs, n.output) for n in program.nodes
    ]
    assert found.inputs == program.inputs
    assert set(found.tensors) == set(program.tensors)
    for key, tensor in program.tensors.items():
        assert found.tensors[key].shape == tensor.shape
        np.testing.assert_array_equal(found.tensors[key].values(), tensor.values())
    x = inputs_of(program)
    expected = run(program, x)[program.output]
    np.testing.assert_array_equal(run(found, x)[program.output], expected)


@pytest.mark.parametrize("axis", [None, 0])
@pytest.mark.parametrize(("bits", "grid"), GRIDS)
def test_every_grid_keeps_its_codes(bits, grid, axis):
    program = tiny_generator(np.random.default_rng(0), bits, grid, axis)
    found = read_back(program).program
    for name in ("fc0.weight", "fc1.weight"):
        own, other = program.tensors[name], found.tensors[name]
        assert isinstance(other, QuantisedTensor)
        np.testing.assert_array_equal(other.codes, own.codes)
        assert (other.bits, other.grid, other.axis) == (bits, grid, axis)
        np.testing.assert_array_equal(other.scale, own.scale)


def test_it_passes_the_checks_of_foreign_files(tmp_path):
    program = tiny_bundle(1).generator
    path = tmp_path / "generator.onnx"
    path.write_bytes(program_to_qonnx(program, FACTS).SerializeToString())
    assert translate(open_onnx(path), "generator", "z", "x").program.output == "x"


def test_nodes_and_facts_have_their_names():
    program = tiny_bundle(4).generator
    model = program_to_qonnx(program, FACTS)
    names = [node.name for node in model.graph.node if node.op_type != "Quant"]
    assert names == [node.output for node in program.nodes]
    facts = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    assert facts == {
        "bitprior.name": "generator",
        "bitprior.bits": 4,
        "bitprior.geometry": [1, 2, 3],
        "bitprior.value_range": [0.0, 1.0],
    }
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"


def test_facts_that_are_no_json_are_refused():
    with pytest.raises(UsageError, match="JSON"):
        program_to_qonnx(tiny_bundle(4).generator, {"bits": object()})


def cleaned(program):
    model = ModelWrapper(program_to_qonnx(program, FACTS))
    return cleanup_model(model, override_inpsize=1)


@pytest.mark.parametrize("name", ["mlp", "dcgan", "began", "cut"])
def test_qonnx_cleanup_keeps_the_values(name):
    program = networks(4)[name]
    x = inputs_of(program, rows=1)
    model = cleaned(program)
    (found,) = execute_onnx(model, {model.graph.input[0].name: x}).values()
    expected = run(program, x)[program.output]
    assert np.abs(found - expected).max() <= 1e-5 * max(1, np.abs(expected).max())


def qonnx_cost(program):
    """Return qonnx's totals for one image, as bitprior names them."""
    found = inference_cost(cleaned(program), discount_sparsity=False)["total_cost"]
    keys = {
        "macs": "total_macs",
        "bops": "total_bops",
        "weights": "total_mem_w_elems",
        "weight_bits": "total_mem_w_bits",
        "outputs": "total_mem_o_elems",
        "output_bits": "total_mem_o_bits",
    }
    return {ours: found[theirs] for ours, theirs in keys.items()}, found["unsupported"]


def own_cost(program):
    rows = [row for row in summarise(program, program) if row.program == program.name]
    return vars(cost(rows[: len(program.nodes)]))


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 32])
def test_costs_equal_those_of_qonnx_inference_cost(bits):
    made = networks(bits)
    for name in ("mlp", "vae"):
        assert own_cost(made[name]) == qonnx_cost(made[name])[0]


def test_costs_of_the_8_layer_sensing_network_equal_those_of_qonnx_inference_cost(tmp_path):
    module = convolutional.sensing()
    program = convolutional.translated(module, tmp_path / "sensing.onnx", "sensing").program
    assert own_cost(program) == qonnx_cost(program)[0]


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 32])
def test_dcgan_32_costs_what_qonnx_says_of_the_adjoint_convolutions(bits, tmp_path):
    module = convolutional.generator(bits)
    generator = convolutional.translated(module, tmp_path / "g.onnx", "generator").program
    # qonnx leaves transposed convolutions out, and says so.
    counted, unsupported = qonnx_cost(generator)
    assert not any(counted.values())
    assert "ConvTranspose" in unsupported
    # What each costs is what qonnx says of the convolution that it is the adjoint of.
    adjoint = [qonnx_cost(program)[0] for program in adjoint_convolutions(generator)]
    own = own_cost(generator)
    for key in ("macs", "bops", "weights", "weight_bits"):
        assert own[key] == sum(found[key] for found in adjoint)


def adjoint_convolutions(generator):
    """Yield each ConvTranspose of a program as the Conv with the same weights, backwards."""
    rows = {row.layer: row.shape for row in summarise(generator, generator)}
    for node in generator.nodes:
        if node.op == "ConvTranspose":
            weight = node.inputs[1]
            conv = Node("Conv", ("x", weight), "y", node.attributes)
            yield Program(
                "sensing",
                {"x": rows[node.output]},
                "y",
                (conv,),
                {weight: generator.tensors[weight]},
            )


def test_info_reports_the_cost_of_both_programs():
    bundle = tiny_bundle(3)
    found = costs(bundle)
    assert vars(found["generator"]) == qonnx_cost(bundle.generator)[0]
    assert vars(found["sensing"]) == qonnx_cost(bundle.sensing)[0]
