import itertools
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from qonnx.core.onnx_exec import execute_onnx

from bitprior_export.errors import (
    ExternalDataError,
    InterfaceError,
    MalformedOnnxError,
    QonnxError,
    SizeLimitError,
    UnsupportedOpError,
)
from bitprior_export.qonnx import document
from bitprior_export.qonnx.batch import at_batch
from bitprior_export.qonnx.reader import read_program
from bitprior_export.qonnx.writer import write_qonnx
from bitprior_runtime.engines.tape import NumpyProgram
from bitprior_runtime.errors import BitpriorError, MissingFileError
from bitprior_runtime.program import Program
from bitprior_runtime.tensors import FloatTensor, QuantisedTensor
from builders.networks import GEOMETRY, Generator, Granularity, Sensing, images, latents

WIDTHS = [
    *itertools.product([2, 3, 4, 8], [False, True], ["per-tensor", "per-channel"]),
    (1, True, "per-tensor"),
    (1, True, "per-channel"),
    (32, False, "per-tensor"),
]


def run(program: Program, value: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    (name,) = program.inputs
    return NumpyProgram(program, np.float32).forward({name: value})


@pytest.mark.parametrize(("bits", "narrow", "granularity"), WIDTHS)
def test_a_program_equals_qonnx_node_by_node_and_its_codes_exactly(
    tmp_path: Path, bits: int, narrow: bool, granularity: Granularity
) -> None:
    path = tmp_path / "g.onnx"
    write_qonnx(
        Generator(bits, narrow, granularity),
        latents(),
        path,
        name="generator",
        input_name="z",
        output_name="x",
        metadata={},
    )
    program = read_program(path, "generator", "z", "x")
    z = latents(3, seed=7).numpy()
    context = execute_onnx(at_batch(onnx.load(path), 3), {"z": z}, return_full_exec_context=True)
    found = run(program, z)
    assert {"first", "act", "last.0", "last.1", "mul", "add", "x"} <= set(found)
    for name, value in found.items():
        np.testing.assert_allclose(value, context[name], rtol=0, atol=1e-6, err_msg=name)
    weight = program.tensors["first.weight"]
    if bits == 32:
        assert isinstance(weight, FloatTensor)
        np.testing.assert_array_equal(weight.values(), context["first.weight"])
    else:
        assert isinstance(weight, QuantisedTensor)
        assert weight.bits == bits
        assert weight.grid == ("binary" if bits == 1 else "narrow" if narrow else "wide")
        assert weight.axis == (0 if granularity == "per-channel" else None)
        np.testing.assert_array_equal(weight.values(), context["first.weight.quantised"])
        assert len(np.unique(weight.codes)) > 1


def test_a_sensing_program_is_read(tmp_path: Path) -> None:
    path = tmp_path / "s.onnx"
    write_qonnx(
        Sensing(),
        images(),
        path,
        name="sensing",
        input_name="x",
        output_name="y",
        metadata={},
    )
    program = read_program(path, "sensing", "x", "y")
    assert program.inputs == {"x": GEOMETRY}
    assert [node.op for node in program.nodes] == [
        "Flatten",
        "Mul",
        "Sub",
        "Gemm",
        "LeakyRelu",
        "Gemm",
    ]
    x = images(5, seed=8)
    np.testing.assert_allclose(
        run(program, x.numpy())["y"], Sensing()(x).detach().numpy(), rtol=0, atol=1e-6
    )


def test_reading_needs_no_torch(tmp_path: Path) -> None:
    path = save(tmp_path, [helper.make_node("Tanh", ["z"], ["x"])])
    code = (
        "import sys\n"
        "from bitprior_export.qonnx.reader import read_program\n"
        f"read_program({str(path)!r}, 'generator', 'z', 'x')\n"
        "assert not {'torch', 'brevitas'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


# Strangers' graphs


def save(
    folder: Path,
    nodes: Sequence[NodeProto],
    constants: dict[str, NDArray[np.generic]] | None = None,
    sizes: Sequence[int | str | None] = ("batch", 4),
    element: int = TensorProto.FLOAT,
    opset: int = 17,
    output: str = "x",
) -> Path:
    path = folder / "stranger.onnx"
    model = helper.make_model(
        helper.make_graph(
            list(nodes),
            "stranger",
            [helper.make_tensor_value_info("z", element, list(sizes))],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", "n"])],
            [numpy_helper.from_array(v, name) for name, v in (constants or {}).items()],
        ),
        opset_imports=[
            helper.make_opsetid("", opset),
            helper.make_opsetid("qonnx.custom_op.general", 2),
            helper.make_opsetid("my.ops", 1),
        ],
    )
    path.write_bytes(model.SerializeToString())
    return path


def read(path: Path) -> Program:
    return read_program(path, "generator", "z", "x")


def f32(*values: float) -> NDArray[np.float32]:
    return np.array(values, dtype=np.float32)


def quant(
    weight: str = "w", scale: str = "s", output: str = "q", **attributes: int | str
) -> NodeProto:
    return helper.make_node(
        "Quant",
        [weight, scale, "zero", "width"],
        [output],
        name="quantiser",
        domain="qonnx.custom_op.general",
        **{"signed": 1, "narrow": 0, "rounding_mode": "ROUND", **attributes},
    )


def quant_constants(**changed: NDArray[np.generic]) -> dict[str, NDArray[np.generic]]:
    weight = np.random.default_rng(0).standard_normal((4, 3), dtype=np.float32)
    return {
        "w": weight,
        "s": np.float32(0.3) * np.ones((), np.float32),
        "zero": np.zeros((), np.float32),
        "width": np.full((), 3, np.float32),
        **changed,
    }


def test_names_of_strangers_become_names_of_ours(tmp_path: Path) -> None:
    path = save(
        tmp_path,
        [
            helper.make_node("MatMul", ["z", "onnx::MatMul_1"], ["/net/0/MatMul_output_0"]),
            helper.make_node("Relu", ["/net/0/MatMul_output_0"], ["-odd name-"]),
            helper.make_node("Add", ["-odd name-", "z "], ["ä"]),
            helper.make_node("Tanh", ["ä"], ["result"]),
        ],
        {"onnx::MatMul_1": np.eye(4, dtype=np.float32), "z ": f32(1)},
        output="result",
    )
    program = read(path)
    assert [node.output for node in program.nodes] == [
        "net/0/MatMul_output_0",
        "odd_name-",
        "_",
        "x",
    ]
    assert set(program.tensors) == {"onnx::MatMul_1", "z_"}


@pytest.mark.parametrize(
    ("target", "sizes", "expected"),
    [
        ([0, 2, 2], ("batch", 4), (2, 2)),
        ([-1, 2, 2], ("batch", 4), (2, 2)),
        ([3, 2, 2], (3, 4), (2, 2)),
        ([0, -1, 2], ("batch", 4), (2, 2)),
        ([0, 0, 1], ("batch", 4), (4, 1)),
        ([1, -1], (1, 2, 2), (4,)),
    ],
)
def test_reshape_targets_keep_the_batch_out(
    tmp_path: Path,
    target: list[int],
    sizes: Sequence[int | str],
    expected: tuple[int, ...],
) -> None:
    path = save(
        tmp_path,
        [helper.make_node("Reshape", ["z", "t"], ["x"])],
        {"t": np.array(target, dtype=np.int64)},
        sizes,
    )
    assert read(path).nodes[0].attributes == {"shape": expected}


@pytest.mark.parametrize(
    "target", [[2, 2], [-1, 2], [0, -1, 3], [4], [0, 5], [0, -1, -1], [0, 4, 0], [0, -2, -2]]
)
def test_reshapes_that_move_the_batch_or_do_not_fit_are_refused(
    tmp_path: Path, target: list[int]
) -> None:
    path = save(
        tmp_path,
        [helper.make_node("Reshape", ["z", "t"], ["x"])],
        {"t": np.array(target, dtype=np.int64)},
    )
    with pytest.raises((UnsupportedOpError, MalformedOnnxError)):
        read(path)


def test_a_target_computed_from_shapes_is_worked_out(tmp_path: Path) -> None:
    constant = numpy_helper.from_array(np.array([2, 2], dtype=np.int64))
    path = save(
        tmp_path,
        [
            helper.make_node("Shape", ["z"], ["s"], end=1),
            helper.make_node("Constant", [], ["c"], value=constant),
            helper.make_node("Concat", ["s", "c"], ["t"], axis=0),
            helper.make_node("Reshape", ["z", "t"], ["x"]),
        ],
    )
    assert read(path).nodes[0].attributes == {"shape": (2, 2)}


def test_a_target_computed_from_values_is_refused(tmp_path: Path) -> None:
    path = save(
        tmp_path,
        [
            helper.make_node("Cast", ["z"], ["t"], to=TensorProto.INT64),
            helper.make_node("Reshape", ["z", "t"], ["x"]),
        ],
    )
    with pytest.raises(UnsupportedOpError, match=r"Cast.*another type"):
        read(path)


def test_constants_may_be_nodes(tmp_path: Path) -> None:
    path = save(
        tmp_path,
        [
            helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(f32(1, 2, 3, 4))),
            helper.make_node("Identity", ["c"], ["d"]),
            helper.make_node("Mul", ["z", "d"], ["x"]),
        ],
    )
    program = read(path)
    z = np.ones((2, 4), np.float32)
    np.testing.assert_array_equal(run(program, z)["x"], [[1, 2, 3, 4]] * 2)


def test_all_unsupported_nodes_are_listed_at_once(tmp_path: Path) -> None:
    path = save(
        tmp_path,
        [
            helper.make_node("Softmax", ["z"], ["a"], name="first"),
            helper.make_node("Tanh", ["a"], ["b"], name="fine"),
            helper.make_node("Erf", ["b"], ["c"], name="second"),
            helper.make_node("Own", ["c"], ["d"], name="third", domain="my.ops"),
            helper.make_node("Flatten", ["z"], ["e"], name="fourth", axis=0),
            helper.make_node("Add", ["d", "e"], ["x"], name="fine too"),
        ],
    )
    with pytest.raises(UnsupportedOpError) as caught:
        read(path)
    error = caught.value
    assert [line.split(":")[0] for line in error.offenders] == [
        "first (Softmax)",
        "second (Erf)",
        "third (Own)",
        "fourth (Flatten)",
    ]
    assert "LeakyRelu" in error.expected
    assert error.exit_code == 2
    assert all(line in str(error) for line in error.offenders)


@pytest.mark.parametrize(
    ("node", "constants", "reason"),
    [
        (quant(), {"width": np.full((), 1, np.float32)}, "bit width"),
        (quant(), {"width": np.full((), 2.5, np.float32)}, "bit width"),
        (quant(), {"width": np.full((), 9, np.float32)}, "bit width"),
        (quant(), {"width": f32(3, 4)}, "bit width"),
        (quant(), {"zero": np.ones((), np.float32)}, "zero point"),
        (quant(signed=0), {}, "signed grid"),
        (quant(narrow=7), {}, "narrow"),
        (quant(rounding_mode="FLOOR"), {}, "rounding"),
        (quant(), {"s": np.zeros((), np.float32)}, "scales above zero"),
        (quant(), {"s": np.full((), np.nan, np.float32)}, "scales above zero"),
        (quant(), {"s": np.full((), -1, np.float32)}, "scales above zero"),
        (quant(), {"s": np.full((), 1, np.float64)}, "float32"),
        (quant(), {"s": np.ones((4, 3), np.float32)}, "per channel"),
        (quant(), {"s": np.ones((2,), np.float32)}, "per channel"),
        (quant(), {"s": np.ones((1, 4, 3), np.float32)}, "per channel"),
        (quant(), {"w": np.full((4, 3), np.nan, np.float32)}, "finite weights"),
        (quant(weight="z"), {}, "activation"),
    ],
)
def test_a_quantiser_codes_cannot_express_is_refused(
    tmp_path: Path, node: NodeProto, constants: dict[str, NDArray[np.generic]], reason: str
) -> None:
    path = save(
        tmp_path,
        [node, helper.make_node("MatMul", ["z", "q"], ["x"])],
        quant_constants(**constants),
    )
    with pytest.raises(UnsupportedOpError, match=reason):
        read(path)


def test_scales_along_any_one_axis_are_read(tmp_path: Path) -> None:
    for scale, axis in ((f32(0.1, 0.2, 0.3), 1), (f32(0.1, 0.2, 0.3, 0.4).reshape(4, 1), 0)):
        path = save(
            tmp_path,
            [quant(), helper.make_node("MatMul", ["z", "q"], ["x"])],
            quant_constants(s=scale),
        )
        weight = read(path).tensors["w"]
        assert isinstance(weight, QuantisedTensor)
        assert weight.axis == axis
        assert weight.scale.shape == (scale.size,)


# Hostile files


def good(folder: Path) -> Path:
    return save(
        folder,
        [quant(), helper.make_node("MatMul", ["z", "q"], ["x"])],
        quant_constants(),
    )


def changed(path: Path, model: ModelProto) -> Path:
    path.write_bytes(model.SerializeToString())
    return path


def test_the_good_file_is_good(tmp_path: Path) -> None:
    assert read(good(tmp_path)).tensors["w"].bits == 3


def test_external_data_are_refused(tmp_path: Path) -> None:
    model = onnx.load(good(tmp_path))
    onnx.save(
        model,
        tmp_path / "external.onnx",
        save_as_external_data=True,
        size_threshold=0,
        location="weights.bin",
    )
    with pytest.raises(ExternalDataError, match="'w'"):
        read(tmp_path / "external.onnx")


def test_external_data_in_a_constant_node_are_refused(tmp_path: Path) -> None:
    tensor = numpy_helper.from_array(f32(1, 2, 3, 4), "c")
    onnx.external_data_helper.set_external_data(tensor, "../../secret", 0, 16)
    path = save(
        tmp_path,
        [
            helper.make_node("Constant", [], ["c"], value=tensor),
            helper.make_node("Add", ["z", "c"], ["x"]),
        ],
    )
    with pytest.raises(ExternalDataError):
        read(path)


def test_a_file_cut_anywhere_is_refused_unless_only_unused_declarations_are_missing(
    tmp_path: Path,
) -> None:
    path = good(tmp_path)
    data = path.read_bytes()
    whole = read(path)
    tolerated = 0
    for length in range(len(data)):
        path.write_bytes(data[:length])
        try:
            program = read(path)
        except QonnxError:
            continue
        tolerated += 1
        assert program.nodes == whole.nodes
        np.testing.assert_array_equal(program.tensors["w"].values(), whole.tensors["w"].values())
    assert tolerated <= 1  # ONNX ends with opset imports; one of them is not used


def test_flipped_bits_never_crash_the_reader(tmp_path: Path) -> None:
    path = good(tmp_path)
    data = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(1000):
        position, bit = rng.integers(len(data)), rng.integers(8)
        flipped = bytearray(data)
        flipped[position] ^= 1 << bit
        path.write_bytes(flipped)
        try:
            read(path)
        except BitpriorError:
            refused += 1
    assert refused > 100


@pytest.mark.parametrize("data", [b"", b"hello", b"\x00" * 64, b"\x80\x02}q\x00."])
def test_foreign_files_are_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "f.onnx").write_bytes(data)
    with pytest.raises(QonnxError):
        read(tmp_path / "f.onnx")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError):
        read(tmp_path / "none.onnx")


def test_a_file_over_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = good(tmp_path)
    monkeypatch.setattr(document, "MAX_FILE_BYTES", 100)
    with pytest.raises(MissingFileError, match="at most 100 bytes"):
        read(path)


def test_too_many_nodes_are_refused(tmp_path: Path) -> None:
    names = ["z", *(f"t{i}" for i in range(document.MAX_NODES)), "x"]
    nodes = [helper.make_node("Tanh", [a], [b]) for a, b in itertools.pairwise(names)]
    with pytest.raises(SizeLimitError, match="4096 nodes"):
        read(save(tmp_path, nodes))


@pytest.mark.parametrize(
    "sizes", [("batch", "height"), ("batch", None), ("batch", 0), ("batch", -1), ("batch",), ()]
)
def test_sizes_that_are_not_fixed_are_refused(
    tmp_path: Path, sizes: Sequence[int | str | None]
) -> None:
    with pytest.raises(InterfaceError, match="every size but the batch fixed"):
        read(save(tmp_path, [helper.make_node("Tanh", ["z"], ["x"])], sizes=sizes))


def test_an_input_of_another_type_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path, [helper.make_node("Abs", ["z"], ["x"])], element=TensorProto.DOUBLE)
    with pytest.raises(InterfaceError, match="float32 input"):
        read(path)


def test_constants_of_another_type_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path, [helper.make_node("Add", ["z", "c"], ["x"])], {"c": np.ones(4)})
    with pytest.raises(UnsupportedOpError, match="float64"):
        read(path)


@pytest.mark.parametrize("opset", [6, 12, 99])
def test_another_opset_is_refused(tmp_path: Path, opset: int) -> None:
    with pytest.raises(InterfaceError, match="opset"):
        read(save(tmp_path, [helper.make_node("Tanh", ["z"], ["x"])], opset=opset))


def test_two_inputs_or_outputs_are_refused(tmp_path: Path) -> None:
    model = onnx.load(good(tmp_path))
    model.graph.input.append(helper.make_tensor_value_info("u", TensorProto.FLOAT, [1, 4]))
    with pytest.raises(InterfaceError, match="one input"):
        read(changed(tmp_path / "two.onnx", model))
    model = onnx.load(good(tmp_path))
    model.graph.output.append(helper.make_tensor_value_info("q", TensorProto.FLOAT, [4, 3]))
    with pytest.raises(InterfaceError, match="one output"):
        read(changed(tmp_path / "two.onnx", model))


def test_a_tensor_shorter_than_its_shape_is_refused(tmp_path: Path) -> None:
    model = onnx.load(good(tmp_path))
    model.graph.initializer[0].dims[0] = 4000
    with pytest.raises(MalformedOnnxError):
        read(changed(tmp_path / "short.onnx", model))


def test_a_tensor_of_petabytes_costs_nothing(tmp_path: Path) -> None:
    model = onnx.load(good(tmp_path))
    model.graph.initializer[0].dims[:] = [2**31, 2**20]
    with pytest.raises(MalformedOnnxError):
        read(changed(tmp_path / "large.onnx", model))
