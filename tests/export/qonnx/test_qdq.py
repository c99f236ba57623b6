"""ONNX's own quantisation of weights becomes integer codes, exactly."""

import warnings
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper

from bitprior_export.errors import UnsupportedOpError
from bitprior_runtime.tensors import QuantisedTensor
from builders.graphs import Values, assert_equal_everywhere, graph, inputs, node, translated
from builders.networks import linear

RNG = np.random.default_rng(0)
OPSET = 25
TYPES = {
    "int8": (TensorProto.INT8, 8, 0),
    "uint8": (TensorProto.UINT8, 8, 128),
    "int4": (TensorProto.INT4, 4, 0),
    "uint4": (TensorProto.UINT4, 4, 8),
    "int2": (TensorProto.INT2, 2, 0),
    "uint2": (TensorProto.UINT2, 2, 2),
}


def f32(*values: float) -> NDArray[np.float32]:
    return np.array(values, dtype=np.float32)


def integers(kind: str, shape: tuple[int, ...], name: str = "q") -> TensorProto:
    """Return random integers over the whole range of a type."""
    element, bits, zero = TYPES[kind]
    low = 0 if zero else -(2 ** (bits - 1))
    values = RNG.integers(low, low + 2**bits, shape)
    return helper.make_tensor(name, element, shape, values.ravel().tolist())


def zero_point(kind: str, channels: int = 1) -> TensorProto:
    element, _, zero = TYPES[kind]
    return helper.make_tensor("o", element, () if channels == 1 else (channels,), [zero] * channels)


def dequantised(
    kind: str, layer: str = "MatMul", scale: NDArray[np.float32] | None = None, axis: int = 1
) -> ModelProto:
    """Return a layer whose weight is integers behind a DequantizeLinear."""
    shape = {"MatMul": (4, 3), "ConvTranspose": (4, 3, 2, 2), "Conv": (3, 4, 3, 3)}[layer]
    sizes = ("batch", 4) if layer == "MatMul" else ("batch", 4, 5, 5)
    constants: Values = {
        "q": integers(kind, shape),
        "s": np.float32(0.1) if scale is None else scale,
        "o": zero_point(kind, 1 if scale is None else scale.size),
    }
    nodes = [
        node("DequantizeLinear", ["q", "s", "o"], ["w"], axis=axis),
        node(layer, ["z", "w"], ["x"]),
    ]
    return graph(nodes, {**constants, "s": np.asarray(constants["s"])}, sizes, OPSET)


def weight(model: ModelProto) -> QuantisedTensor:
    tensors = translated(model).program.tensors.values()
    (found,) = [tensor for tensor in tensors if isinstance(tensor, QuantisedTensor)]
    return found


@pytest.mark.parametrize("kind", TYPES)
def test_stored_integers_of_every_type_are_codes_of_as_many_bits(kind: str) -> None:
    model = dequantised(kind)
    found = weight(model)
    assert (found.bits, found.grid, found.axis) == (TYPES[kind][1], "wide", None)
    # onnxruntime has kernels for 8 and 4 bits.
    assert_equal_everywhere(model, ort="2" not in kind)


@pytest.mark.parametrize(("layer", "axis"), [("MatMul", -1), ("ConvTranspose", 1), ("Conv", 0)])
def test_scales_along_the_channels_stay_there(layer: str, axis: int) -> None:
    model = dequantised("int4", layer, f32(0.1, 0.2, 0.3), axis)
    found = weight(model)
    assert found.axis == axis % found.codes.ndim
    np.testing.assert_array_equal(found.scale, f32(0.1, 0.2, 0.3))
    assert_equal_everywhere(model)


@pytest.mark.parametrize(
    ("low", "high", "bits", "grid"),
    [(-7, 7, 4, "narrow"), (-8, 7, 4, "wide"), (-1, 1, 2, "narrow"), (-127, 127, 8, "narrow")],
)
def test_a_clip_says_that_integers_have_fewer_bits(
    low: int, high: int, bits: int, grid: str
) -> None:
    nodes = [
        node("Clip", ["q", "low", "high"], ["c"]),
        node("DequantizeLinear", ["c", "s", "o"], ["w"]),
        node("MatMul", ["z", "w"], ["x"]),
    ]
    constants: Values = {
        "q": integers("int8", (4, 3)),
        "low": np.array(low, dtype=np.int8),
        "high": np.array(high, dtype=np.int8),
        "s": np.array(0.1, dtype=np.float32),
        "o": zero_point("int8"),
    }
    model = graph(nodes, constants, opset=OPSET)
    found = weight(model)
    assert (found.bits, found.grid) == (bits, grid)
    assert_equal_everywhere(model)


def quantised(low: int = -7, high: int = 7, **changed: Any) -> ModelProto:
    """Return float weights behind QuantizeLinear, Clip and DequantizeLinear, as brevitas writes."""
    nodes = [
        node("QuantizeLinear", ["v", "s", "o"], ["q"], axis=1),
        node("Clip", ["q", "low", "high"], ["c"]),
        node("DequantizeLinear", ["c", "s", "o"], ["w"], axis=1),
        node("MatMul", ["z", "w"], ["x"]),
    ]
    constants: dict[str, Any] = {
        "v": RNG.standard_normal((4, 3), dtype=np.float32),
        "low": np.array(low, dtype=np.int8),
        "high": np.array(high, dtype=np.int8),
        "s": f32(0.1, 0.2, 0.3),
        "o": np.zeros(3, dtype=np.int8),
        **changed,
    }
    return graph(nodes, constants, opset=OPSET)


def test_float_weights_are_quantised_as_the_graph_says() -> None:
    model = quantised()
    found = weight(model)
    assert (found.bits, found.grid, found.axis) == (4, "narrow", 1)
    assert_equal_everywhere(model)


def test_halves_go_to_the_even_integer_and_large_values_saturate() -> None:
    halves = f32(0.5, 1.5, -0.5, -1.5, 2.5, 1e9, -1e9, 3.5, 0, 1, -1, 7).reshape(4, 3)
    model = quantised(-8, 7, v=halves, s=np.array(1.0, dtype=np.float32), o=np.array(0, np.int8))
    expected = np.clip([0, 2, 0, -2, 2, 7, -8, 4, 0, 1, -1, 7], -8, 7).reshape(4, 3)
    np.testing.assert_array_equal(weight(model).values(), expected)
    assert_equal_everywhere(model)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_what_brevitas_writes_as_qcdq_is_read(tmp_path: Any, bits: int) -> None:
    torch.manual_seed(0)
    module = linear(4, 3, bits, narrow=True, granularity="per-channel").eval()
    path = tmp_path / "qcdq.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of brevitas' and torch's own affairs
        from brevitas.export import export_onnx_qcdq

        export_onnx_qcdq(
            module, torch.zeros(2, 4), export_path=str(path), dynamo=False, opset_version=17,
            input_names=["z"], output_names=["x"],
        )  # fmt: skip
    model = ModelProto.FromString(path.read_bytes())
    found = weight(model)
    assert (found.bits, found.grid) == (bits, "narrow")
    np.testing.assert_array_equal(found.values(), module.quant_weight().value.detach().numpy())
    z = inputs(model)[:2]
    (expected,) = onnxruntime.InferenceSession(path).run(None, {"z": z})
    with torch.no_grad():
        np.testing.assert_allclose(expected, module(torch.from_numpy(z)).numpy(), atol=1e-6)
    assert_equal_everywhere(model, rows=2)


def test_a_transposed_weight_keeps_its_codes_and_scales() -> None:
    nodes = [
        node("DequantizeLinear", ["q", "s", "o"], ["d"], axis=0),
        node("Transpose", ["d"], ["w"], perm=[1, 0]),
        node("MatMul", ["z", "w"], ["x"]),
    ]
    constants: Values = {
        "q": integers("int4", (3, 4)), "s": f32(0.1, 0.2, 0.3), "o": zero_point("int4", 3)
    }  # fmt: skip
    model = graph(nodes, constants, opset=OPSET)
    found = weight(model)
    assert (found.bits, found.axis, found.shape) == (4, 1, (4, 3))
    assert_equal_everywhere(model)


def test_biases_of_32_bits_become_floats() -> None:
    nodes = [
        node("DequantizeLinear", ["b", "s"], ["f"]),
        node("Add", ["z", "f"], ["x"]),
    ]
    constants = {"b": np.array([100, -7, 0, 2**20], dtype=np.int32), "s": np.float32(1e-3)}
    model = graph(nodes, {"b": constants["b"], "s": np.asarray(constants["s"])}, opset=OPSET)
    assert_equal_everywhere(model)


REFUSED: dict[str, tuple[list[NodeProto], dict[str, Any], str]] = {
    "an activation": (
        [node("QuantizeLinear", ["z", "s"], ["q"]), node("DequantizeLinear", ["q", "s"], ["x"])],
        {},
        "quantises an activation",
    ),
    "blocks": (
        [node("DequantizeLinear", ["q", "blocks"], ["w"], axis=0, block_size=2)],
        {"blocks": np.ones((2, 3), np.float32)},
        "scales in blocks",
    ),
    "a zero point of its own": (
        [node("DequantizeLinear", ["u", "s", "five"], ["w"])],
        {
            "u": np.full((4, 3), 9, np.uint8),
            "five": np.array(5, np.uint8),
        },
        "zero point",
    ),
    "zero points that differ": (
        [node("DequantizeLinear", ["q", "three", "o3"], ["w"])],
        {"three": f32(1, 2, 3), "o3": np.array([0, 1, 0], np.int8)},
        "differ from channel to channel",
    ),
    "a scale of zero": (
        [node("DequantizeLinear", ["q", "none"], ["w"])],
        {"none": np.zeros((), np.float32)},
        "not finite and above zero",
    ),
    "a scale of nan": (
        [node("DequantizeLinear", ["q", "none"], ["w"])],
        {"none": np.full((), np.nan, np.float32)},
        "not finite and above zero",
    ),
    "half scales": (
        [node("DequantizeLinear", ["q", "half"], ["w"])],
        {"half": np.ones((), np.float16)},
        "scales of float16",
    ),
    "scales along no axis": (
        [node("DequantizeLinear", ["q", "two"], ["w"])],
        {"two": f32(1, 2)},
        r"scales \(2,\) along axis 1",
    ),
    "integers of 16 bits": (
        [node("QuantizeLinear", ["v", "s", "wide"], ["p"]),
         node("DequantizeLinear", ["p", "s", "wide"], ["w"])],
        {"v": np.ones((4, 3), np.float32), "wide": np.array(0, np.int16)},
        "quantises to int16",
    ),
    "double weights": (
        [node("QuantizeLinear", ["v", "s", "o"], ["p"]),
         node("DequantizeLinear", ["p", "s", "o"], ["w"])],
        {"v": np.ones((4, 3))},
        "quantises float64",
    ),
    "wide integers with a zero point": (
        [node("DequantizeLinear", ["b", "s", "seven"], ["w"])],
        {"b": np.ones((4, 3), np.int32), "seven": np.array(7, np.int32)},
        "32-bit integers with a zero point",
    ),
    "a clip of nothing": (
        [node("Clip", ["q", "nine", "one"], ["c"]), node("DequantizeLinear", ["c", "s"], ["w"])],
        {"nine": np.array(9, np.int8), "one": np.array(1, np.int8)},
        "clips to 9..1",
    ),
    "a reshape across channels": (
        [node("DequantizeLinear", ["q", "three"], ["d"]),
         node("Reshape", ["d", "shape"], ["w"])],
        {"three": f32(1, 2, 3), "shape": np.array([4, 3, 1]).take([1, 0])},
        "which it does not keep",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_quantisation_that_codes_cannot_express_is_refused(case: str) -> None:
    nodes, constants, reason = REFUSED[case]
    written = {name for entry in nodes for name in entry.output}
    if "x" not in written:
        nodes = [*nodes, node("MatMul", ["z", "w"], ["x"])]
    usual = {
        "q": np.ones((4, 3), np.int8), "s": np.float32(0.5) * np.ones((), np.float32),
        "o": np.zeros((), np.int8),
    }  # fmt: skip
    used = {name for entry in nodes for name in entry.input} - written
    known = {name: value for name, value in {**usual, **constants}.items() if name in used}
    with pytest.raises(UnsupportedOpError, match=reason):
        translated(graph(nodes, known, opset=OPSET))
