import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from bitprior_export.errors import UnsupportedOpError
from bitprior_export.program_check import check_program
from bitprior_export.qonnx.execution import execute
from bitprior_export.qonnx.reader import translate
from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.engines.tape import NumpyProgram
from bitprior_runtime.program import Program
from bitprior_runtime.tensors import FloatTensor, QuantisedTensor
from builders.convolutional import generator, images, latents, sensing, translated

WIDTHS = [
    *((1, "binary", granularity) for granularity in ("channel", "tensor")),
    *itertools.product([2, 3, 4], ["wide", "narrow"], ["channel", "tensor"]),
    (32, "float", "channel"),
]
RNG = np.random.default_rng(0)


def run(program: Program, value: NDArray[np.float32]) -> NDArray[np.float32]:
    (name,) = program.inputs
    return NumpyProgram(program, np.float32).forward({name: value})[program.output]


@pytest.mark.parametrize(("bits", "grid", "granularity"), WIDTHS)
def test_a_dcgan_program_equals_torch_and_qonnx_node_by_node(
    tmp_path: Path, bits: int, grid: str, granularity: str
) -> None:
    module = generator(bits, granularity, grid)
    found = translated(module, tmp_path / "g.onnx", "generator")
    z = latents(5, seed=9)
    expected = module(z).detach().numpy()
    np.testing.assert_allclose(run(found.program, z.numpy()), expected, rtol=0, atol=1e-5)
    measured = translated(sensing(), tmp_path / "s.onnx", "sensing")
    engine = FloatEngine(found.program, measured.program)
    report = check_program(engine, "generator", found, {"latents": z.numpy()})
    assert report.nodes >= 11  # 4 layers, 3 ReLU, reshape, tanh, Mul, Add


@pytest.mark.parametrize(("bits", "grid", "granularity"), WIDTHS[:-1])
def test_scales_take_up_batch_norms_and_codes_change_their_sign_alone(
    tmp_path: Path, bits: int, grid: str, granularity: str
) -> None:
    found = translated(generator(bits, granularity, grid), tmp_path / "g.onnx", "generator")
    executed = execute(found.model, latents().numpy())
    names = [f"layers.{index}.weight" for index in (0, 3, 6, 9)]
    layers = [node for node in found.program.nodes if node.op == "ConvTranspose"]
    assert [node.inputs[1] for node in layers] == names
    folded = [len(node.inputs) == 3 for node in layers]
    assert not folded[3]  # the last has no batch norm after it
    assert all(folded[:3]) or grid == "wide"
    for name, layer in zip(names, layers, strict=True):
        weight = found.program.tensors[name]
        assert isinstance(weight, QuantisedTensor)
        assert (weight.bits, weight.grid) == (bits, grid)
        took = len(layer.inputs) == 3
        assert weight.axis == (1 if took or granularity == "channel" else None)
        plain = executed[f"{name}.quantised"]
        np.testing.assert_array_equal(weight.values() == 0, plain == 0)
        if not took:
            np.testing.assert_array_equal(weight.values(), plain)
            continue
        with np.errstate(invalid="ignore"):
            factors = np.moveaxis(weight.values() / plain, 1, 0).reshape(plain.shape[1], -1)
        spread = np.nanmax(factors, axis=1) - np.nanmin(factors, axis=1)
        assert (spread <= 1e-6 * np.abs(np.nanmean(factors, axis=1))).all()
        assert (np.nanmean(factors, axis=1)[0] < 0) or name != "layers.0.weight"


def test_a_sensing_network_of_convolutions_equals_torch(tmp_path: Path) -> None:
    module = sensing()
    found = translated(module, tmp_path / "s.onnx", "sensing")
    assert [n.op for n in found.program.nodes].count("Conv") == 7
    x = images(3, seed=5)
    expected = module(x).detach().numpy()
    np.testing.assert_allclose(run(found.program, x.numpy()), expected, rtol=1e-5, atol=1e-6)


def weights(*shape: int) -> NDArray[np.float32]:
    return RNG.standard_normal(shape, dtype=np.float32)


def norm_constants(channels: int) -> dict[str, NDArray[np.float32]]:
    gamma = weights(channels)
    gamma[0], gamma[-1] = -abs(gamma[0]), abs(gamma[-1])
    variance = RNG.random(channels, dtype=np.float32) + np.float32(0.1)
    return {"g": gamma, "b": weights(channels), "m": weights(channels), "v": variance}


def norm(source: str = "h", output: str = "x", **attributes: float) -> NodeProto:
    inputs = [source, "g", "b", "m", "v"]
    return helper.make_node("BatchNormalization", inputs, [output], name="norm", **attributes)


def node(op: str, *inputs: str, output: str = "h", **attributes: object) -> NodeProto:
    return helper.make_node(op, list(inputs), [output], name=output, **attributes)


def quant(width: str = "width") -> NodeProto:
    return helper.make_node(
        "Quant", ["w", "s", "zero", width], ["q"], name="q", domain="qonnx.custom_op.general",
        signed=1, narrow=0, rounding_mode="ROUND",
    )  # fmt: skip


def graph(
    nodes: Sequence[NodeProto], constants: dict[str, NDArray[np.float32]], shape: Sequence[int]
) -> ModelProto:
    unknown = ["batch", *(None for _ in shape)]
    return helper.make_model(
        helper.make_graph(
            list(nodes),
            "stranger",
            [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["batch", *shape])],
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, unknown)],
            [numpy_helper.from_array(v, name) for name, v in constants.items()],
        ),
        ir_version=8,
        opset_imports=[
            helper.make_opsetid("", 17),
            helper.make_opsetid("qonnx.custom_op.general", 2),
        ],
    )


# what comes before the batch norm, its constants, shape of z, channels, whether it can be folded
LAYERS = {
    "conv": (
        [node("Conv", "z", "w", "c", pads=[1, 1, 1, 1])],
        {"w": weights(6, 4, 3, 3), "c": weights(6)}, (4, 5, 5), 6, True,
    ),
    "grouped conv": (
        [node("Conv", "z", "w", group=2)], {"w": weights(6, 2, 3, 3)}, (4, 5, 5), 6, True,
    ),
    "transposed conv": (
        [node("ConvTranspose", "z", "w", strides=[2, 2])],
        {"w": weights(4, 6, 4, 4)}, (4, 3, 3), 6, True,
    ),
    "grouped transposed conv": (
        [node("ConvTranspose", "z", "w", group=2)],
        {"w": weights(4, 3, 2, 2)}, (4, 3, 3), 6, False,
    ),
    "gemm": ([node("Gemm", "z", "w", "c")], {"w": weights(5, 3), "c": weights(3)}, (5,), 3, True),
    "gemm of a transposed matrix with one bias for all": (
        [node("Gemm", "z", "w", "c", transB=1)],
        {"w": weights(3, 5), "c": weights(1)}, (5,), 3, True,
    ),
    "gemm with alpha": (
        [node("Gemm", "z", "w", alpha=0.5)], {"w": weights(5, 3)}, (5,), 3, False,
    ),
    "matmul": ([node("MatMul", "z", "w")], {"w": weights(5, 3)}, (5,), 3, True),
    "matmul of rows": ([node("MatMul", "z", "w")], {"w": weights(5, 3)}, (3, 5), 3, False),
    "an activation": ([node("Relu", "z")], {}, (3, 2, 2), 3, False),
    "a layer read twice": (
        [node("Gemm", "z", "w"), norm("h", "n"), node("Add", "n", "h", output="x")],
        {"w": weights(5, 3)}, (5,), 3, False,
    ),
    "a weight read twice": (
        [node("Gemm", "z", "w", output="a"), node("Gemm", "a", "w")],
        {"w": weights(5, 5)}, (5,), 5, False,
    ),
    "a bias read twice": (
        [node("Gemm", "z", "w", "c", output="a"), node("Gemm", "a", "u", "c")],
        {"w": weights(5, 5), "u": weights(5, 5), "c": weights(5)}, (5,), 5, True,
    ),
    "the input": ([node("Identity", "z")], {}, (3,), 3, False),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_a_batch_norm_after_any_layer_equals_onnxruntime(name: str) -> None:
    nodes, constants, shape, channels, folds = LAYERS[name]
    ends = any("x" in entry.output for entry in nodes)
    nodes = nodes if ends else [*nodes, norm(epsilon=0.01)]
    model = graph(nodes, {**constants, **norm_constants(channels)}, shape)
    program = translate(model, "generator", "z", "x").program
    assert any(n.op == "Mul" for n in program.nodes) != folds
    assert program.tensors.keys() == {i for n in program.nodes for i in n.inputs} - {
        "z", *(n.output for n in program.nodes),
    }  # fmt: skip
    z = weights(3, *shape)
    (expected,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"z": z})
    np.testing.assert_allclose(run(program, z), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("lowest", [False, True])
@pytest.mark.parametrize("per_channel", [False, True])
def test_a_negative_factor_negates_codes_unless_one_has_no_negative(
    lowest: bool, per_channel: bool
) -> None:
    integers = RNG.integers(-3, 4, (5, 4)).astype(np.float32)
    integers[0, 0] = -4 if lowest else -3
    constants = {
        "w": integers * np.float32(0.5),
        "s": np.full((1, 4) if per_channel else (), 0.5, np.float32),
        "zero": np.zeros((), np.float32),
        "width": np.full((), 3, np.float32),
        **norm_constants(4),
    }
    constants["g"][:] = [-1.5, 1.5, 2.0, -0.5]
    model = graph([quant(), node("Gemm", "z", "q"), norm()], constants, (5,))
    program = translate(model, "generator", "z", "x").program
    weight = program.tensors["w"]
    assert isinstance(weight, QuantisedTensor)
    sign = 1 if lowest else np.sign(constants["g"])
    np.testing.assert_array_equal(weight.integers(), integers * sign)
    assert [n.op for n in program.nodes] == (["Gemm", "Mul", "Add"] if lowest else ["Gemm"])
    z = weights(3, 5)
    expected = execute(model, z)["x"]
    np.testing.assert_allclose(run(program, z), expected, rtol=1e-5, atol=1e-5)


def test_a_factor_of_zero_is_no_scale() -> None:
    constants = {
        "w": weights(5, 3), "s": np.full((), 0.5, np.float32), "zero": np.zeros((), np.float32),
        "width": np.full((), 3, np.float32), **norm_constants(3),
    }  # fmt: skip
    constants["g"][1] = 0
    model = graph([quant(), node("Gemm", "z", "q"), norm()], constants, (5,))
    program = translate(model, "generator", "z", "x").program
    z = weights(3, 5)
    np.testing.assert_allclose(run(program, z), execute(model, z)["x"], rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(run(program, z)[:, 1], constants["b"][1])


def test_scales_along_the_inputs_cannot_take_up_factors() -> None:
    constants = {
        "w": weights(5, 3), "s": np.linspace(0.2, 0.6, 5, dtype=np.float32)[:, None],
        "zero": np.zeros((), np.float32), "width": np.full((), 3, np.float32), **norm_constants(3),
    }  # fmt: skip
    model = graph([quant(), node("Gemm", "z", "q"), norm()], constants, (5,))
    program = translate(model, "generator", "z", "x").program
    assert [n.op for n in program.nodes] == ["Gemm", "Mul", "Add"]
    z = weights(3, 5)
    np.testing.assert_allclose(run(program, z), execute(model, z)["x"], rtol=1e-5, atol=1e-5)


def test_a_float_weight_takes_up_any_factor() -> None:
    constants = {"w": weights(5, 3), **norm_constants(3)}
    constants["g"][1] = 0
    model = graph([node("Gemm", "z", "w"), norm()], constants, (5,))
    program = translate(model, "generator", "z", "x").program
    assert [n.op for n in program.nodes] == ["Gemm"]
    assert isinstance(program.tensors["w"], FloatTensor)
    z = weights(3, 5)
    np.testing.assert_allclose(run(program, z), execute(model, z)["x"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("changed", "attributes", "reason"),
    [
        ({}, {"training_mode": 1}, "inference"),
        ({"v": np.full(3, -1, np.float32)}, {}, "variances above zero"),
        ({"m": np.full(3, np.nan, np.float32)}, {}, "finite"),
        ({"g": np.ones(4, np.float32)}, {}, r"float32 \[C\]"),
        ({"g": np.ones((3, 1), np.float32)}, {}, r"float32 \[C\]"),
        (dict.fromkeys("gbmv", np.ones(2, np.float32)), {}, "2 channels"),
    ],
)
def test_a_batch_norm_that_is_no_constant_map_of_its_channels_is_refused(
    changed: dict[str, NDArray[np.float32]], attributes: dict[str, int], reason: str
) -> None:
    constants = {"w": weights(5, 3), **norm_constants(3), **changed}
    model = graph([node("Gemm", "z", "w"), norm(**attributes)], constants, (5,))
    with pytest.raises(UnsupportedOpError, match=reason):
        translate(model, "generator", "z", "x")


def test_parameters_that_are_activations_are_refused() -> None:
    constants = {"w": weights(5, 3), **norm_constants(3)}
    del constants["g"]
    nodes = [node("Gemm", "z", "w"), node("Gemm", "z", "w", output="g"), norm()]
    with pytest.raises(UnsupportedOpError, match="4 constants"):
        translate(graph(nodes, constants, (5,)), "generator", "z", "x")
