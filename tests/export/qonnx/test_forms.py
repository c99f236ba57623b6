"""ONNX's forms of ops become a program's, and mean what they meant."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper

from bitprior_export.errors import UnsupportedOpError
from bitprior_export.qonnx.reader import read_program
from bitprior_runtime.errors import BitpriorError
from builders.graphs import Values, assert_equal_everywhere, graph, node, translated

RNG = np.random.default_rng(1)
IMAGE = ("batch", 4, 6, 5)


def i64(*values: int) -> NDArray[np.int64]:
    return np.array(values, dtype=np.int64)


def f32(*values: float) -> NDArray[np.float32]:
    return np.array(values, dtype=np.float32)


def normal(*shape: int) -> NDArray[np.float32]:
    return RNG.standard_normal(shape, dtype=np.float32)


def split(count: int, *join: int, **attributes: Any) -> list[NodeProto]:
    names = [f"s{index}" for index in range(count)]
    picked = [names[index] for index in join]
    return [
        node("Split", ["z", "sizes"] if "num_outputs" not in attributes else ["z"], names,
             **attributes),
        node("Concat", picked, ["x"], axis=1),
    ]  # fmt: skip


def chain() -> list[NodeProto]:
    """x.view(x.size(0), -1, 2) as TorchScript writes it."""
    return [
        node("Shape", ["z"], ["shape"]),
        node("Gather", ["shape", "zero"], ["rows"], axis=0),
        node("Unsqueeze", ["rows", "axis"], ["first"]),
        node("Concat", ["first", "rest"], ["target"], axis=0),
        node("Reshape", ["z", "target"], ["x"]),
    ]


def resize(*inputs: str, **attributes: Any) -> list[NodeProto]:
    return [node("Resize", ["z", *inputs], ["x"], **attributes)]


KNOWN: dict[str, tuple[Sequence[NodeProto], Values, Sequence[int | str]]] = {
    "a split by sizes": (split(2, 1, 0, axis=1), {"sizes": i64(1, 3)}, IMAGE),
    "an equal split": (split(2, 1, 1, axis=-3, num_outputs=2), {}, IMAGE),
    "a split with an output nobody reads": (split(3, 2, axis=1), {"sizes": i64(1, 2, 1)}, IMAGE),
    "an uneven split": (split(3, 2, 0, axis=1, num_outputs=3), {}, ("batch", 5)),
    "a squeeze": ([node("Squeeze", ["z", "a"], ["x"])], {"a": i64(-1, 2)}, ("batch", 4, 1, 1)),
    "an unsqueeze": ([node("Unsqueeze", ["z", "a"], ["x"])], {"a": i64(1, -1)}, ("batch", 4)),
    "a flatten": ([node("Flatten", ["z"], ["x"])], {}, IMAGE),
    "a reshape with a shape chain": (
        chain(),
        {"zero": np.array(0), "axis": i64(0), "rest": i64(-1, 2)},
        ("batch", 4),
    ),
    "a reshape that allows zeros and has none": (
        [node("Reshape", ["z", "t"], ["x"], allowzero=1)],
        {"t": i64(-1, 2, 2)},
        ("batch", 4),
    ),
    "a reshape of a fixed batch": ([node("Reshape", ["z", "t"], ["x"])], {"t": i64(1, -1)}, (1, 4)),
    "a transpose": ([node("Transpose", ["z"], ["x"], perm=[0, 2, 3, 1])], {}, IMAGE),
    "a slice": (
        [node("Slice", ["z", "s", "e", "a", "t"], ["x"])],
        {"s": i64(-3, 1), "e": i64(2**63 - 1, -1), "a": i64(-1, 2), "t": i64(1, 2)},
        IMAGE,
    ),
    "a slice with all of the batch": (
        [node("Slice", ["z", "s", "e"], ["x"])],
        {"s": i64(0, 1), "e": i64(2**31 - 1, 3)},
        IMAGE,
    ),
    "a slice of nothing but the batch": (
        [node("Slice", ["z", "s", "e", "a"], ["y"]), node("Neg", ["y"], ["x"])],
        {"s": i64(0), "e": i64(2**63 - 1), "a": i64(0)},
        IMAGE,
    ),
    "a mean over negative axes": (
        [node("ReduceMean", ["z", "a"], ["x"], keepdims=0)],
        {"a": i64(-1, 1)},
        IMAGE,
    ),
    "a sum": ([node("ReduceSum", ["z", "a"], ["x"])], {"a": i64(2)}, IMAGE),
    "a clip": ([node("Clip", ["z", "l", "h"], ["x"])], {"l": f32(-1)[0], "h": f32(0.5)[0]}, IMAGE),
    "a clip from above": ([node("Clip", ["z", "", "h"], ["x"])], {"h": f32(0.5)[0]}, IMAGE),
    "a clip from below": (
        [node("Clip", ["z", "l", "h"], ["x"])], {"l": f32(0)[0], "h": f32(np.inf)[0]}, IMAGE
    ),
    "a power of integers": (
        [node("Pow", ["z", "e"], ["x"])], {"e": np.array(2, dtype=np.int64)}, IMAGE
    ),
    "a division of a constant": (
        [node("Exp", ["z"], ["e"]), node("Div", ["one", "e"], ["x"])], {"one": f32(1)[0]}, IMAGE
    ),
    "dropout and identity": (
        [
            node("Dropout", ["z"], ["d", "mask"]),
            node("Identity", ["d"], ["i"]),
            node("Cast", ["i"], ["c"], to=TensorProto.FLOAT),
            node("Neg", ["c"], ["x"]),
        ],
        {},
        IMAGE,
    ),
    "an identity at the end": (
        [node("Neg", ["z"], ["n"]), node("Identity", ["n"], ["x"])], {}, IMAGE
    ),
    "a pad": (
        [node("Pad", ["z", "p", "v"], ["x"])],
        {"p": i64(0, 0, 1, 2, 0, 0, 3, 0), "v": f32(0.25)[0]},
        IMAGE,
    ),
    "a pad of some axes": (
        [node("Pad", ["z", "p", "", "a"], ["x"])], {"p": i64(1, 2, 0, 1), "a": i64(-1, 2)}, IMAGE
    ),
    "a reflecting pad": (
        [node("Pad", ["z", "p"], ["x"], mode="reflect")], {"p": i64(0, 0, 1, 2, 0, 0, 3, 1)}, IMAGE
    ),
    "nearest by scales": (
        resize("", "s", mode="nearest", coordinate_transformation_mode="asymmetric",
               nearest_mode="floor"),
        {"s": f32(1, 1, 2, 3)},
        IMAGE,
    ),
    "bilinear by sizes": (
        resize("", "", "n", mode="linear", coordinate_transformation_mode="align_corners"),
        {"n": i64(1, 4, 9, 11)},
        (1, 4, 6, 5),
    ),
    "bilinear of some axes": (
        resize("", "", "n", mode="linear", axes=[2, 3]), {"n": i64(13, 7)}, IMAGE
    ),
    "sizes that no scale gives": (
        resize("", "", "n", mode="nearest", axes=[2, 3]), {"n": i64(10, 3)}, ("batch", 2, 3, 3)
    ),
    "a resize by computed sizes": (
        [
            node("Shape", ["z"], ["all"]),
            node("Slice", ["all", "zero", "two"], ["front"]),
            node("Concat", ["front", "wanted"], ["sizes"], axis=0),
            node("Resize", ["z", "", "", "sizes"], ["x"], mode="linear"),
        ],
        {"zero": i64(0), "two": i64(2), "wanted": i64(12, 10)},
        IMAGE,
    ),
    "a convolution padded as its output is large": (
        [node("Conv", ["z", "w"], ["x"], auto_pad="SAME_UPPER", strides=[2, 2])],
        {"w": normal(3, 4, 3, 4)},
        IMAGE,
    ),
    "a convolution padded in front": (
        [node("Conv", ["z", "w"], ["x"], auto_pad="SAME_LOWER", kernel_shape=[4, 2])],
        {"w": normal(3, 4, 4, 2)},
        IMAGE,
    ),
    "a convolution without pads": (
        [node("Conv", ["z", "w", "b"], ["x"], auto_pad="VALID")],
        {"w": normal(3, 4, 3, 3), "b": normal(3)},
        IMAGE,
    ),
    "a transposed convolution of a given size": (
        [node("ConvTranspose", ["z", "w"], ["x"], strides=[2, 2], output_shape=[11, 9])],
        {"w": normal(4, 3, 4, 4)},
        IMAGE,
    ),
    "a transposed convolution without pads": (
        [node("ConvTranspose", ["z", "w"], ["x"], auto_pad="VALID")],
        {"w": normal(4, 3, 2, 2)},
        IMAGE,
    ),
    "a pool padded as its output is large": (
        [node("AveragePool", ["z"], ["x"], kernel_shape=[3, 3], strides=[2, 2],
              auto_pad="SAME_UPPER")],
        {},
        IMAGE,
    ),
    "a pool that rounds up nothing": (
        [node("AveragePool", ["z"], ["x"], kernel_shape=[2, 1], strides=[2, 1], ceil_mode=1)],
        {},
        IMAGE,
    ),
    "a global pool": ([node("GlobalAveragePool", ["z"], ["x"])], {}, IMAGE),
    "pixel shuffling": (
        [node("DepthToSpace", ["z"], ["x"], blocksize=2, mode="CRD")], {}, IMAGE
    ),
    "a slope for each channel": (
        [node("PRelu", ["z", "a"], ["x"])], {"a": normal(4, 1, 1)}, IMAGE
    ),
    "instance normalisation": (
        [node("InstanceNormalization", ["z", "s", "b"], ["x"], epsilon=1e-3)],
        {"s": normal(4), "b": normal(4)},
        IMAGE,
    ),
    "a weight behind constant nodes": (
        [
            node("Transpose", ["w"], ["t"], perm=[1, 0]),
            node("Identity", ["t"], ["i"]),
            node("Reshape", ["i", "n"], ["r"]),
            node("Cast", ["r"], ["c"], to=TensorProto.FLOAT),
            node("Mul", ["c", "g"], ["m"]),
            node("MatMul", ["z", "m"], ["x"]),
        ],
        {"w": normal(5, 4).astype(np.float64), "n": i64(0, -1), "g": f32(2)},
        ("batch", 4),
    ),
    "softplus as torch writes it": (
        [
            node("Softplus", ["z"], ["s"]),
            node("Greater", ["z", "c"], ["g"]),
            node("Where", ["g", "z", "s"], ["w"]),
            node("Neg", ["w"], ["x"]),
        ],
        {"c": f32(20)[0]},
        IMAGE,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", KNOWN)
def test_a_form_means_the_same_in_program_qonnx_and_onnxruntime(case: str) -> None:
    nodes, constants, sizes = KNOWN[case]
    rows = 1 if sizes[0] == 1 else 3
    assert_equal_everywhere(graph(nodes, constants, sizes), rows)


def test_a_graph_of_a_fixed_batch_runs_at_any_other() -> None:
    nodes, constants, sizes = KNOWN["bilinear by sizes"]
    assert_equal_everywhere(graph(nodes, constants, sizes), rows=5, ort=False)


REFUSED: dict[str, tuple[Sequence[NodeProto], Values, str]] = {
    "a squeeze of whatever": ([node("Squeeze", ["z"], ["x"])], {}, "name its axes"),
    "a squeeze of more": ([node("Squeeze", ["z", "a"], ["x"])], {"a": i64(2)}, "not of size 1"),
    "a squeeze of the batch": ([node("Squeeze", ["z", "a"], ["x"])], {"a": i64(0)}, "batch axis"),
    "an unsqueeze of one axis twice": (
        [node("Unsqueeze", ["z", "a"], ["x"])], {"a": i64(1, -5)}, "not different"
    ),
    "an axis too far": ([node("Concat", ["z", "z"], ["x"], axis=7)], {}, "axis 7"),
    "a concat of the batch": ([node("Concat", ["z", "z"], ["x"], axis=0)], {}, "batch axis"),
    "a transpose of all": ([node("Transpose", ["z"], ["x"])], {}, "the batch among them"),
    "a mean of all": ([node("ReduceMean", ["z"], ["x"])], {}, "the batch among them"),
    "a split of the batch": (split(2, 0, axis=0, num_outputs=2), {}, "batch axis"),
    "a split of other sizes": (split(2, 0, axis=1), {"sizes": i64(1, 1)}, "a split of 4"),
    "a slice of the batch": (
        [node("Slice", ["z", "s", "e", "a"], ["x"])],
        {"s": i64(1), "e": i64(2), "a": i64(0)},
        "batch axis",
    ),
    "a slice of two lengths": (
        [node("Slice", ["z", "s", "e", "a"], ["x"])],
        {"s": i64(1, 1), "e": i64(2), "a": i64(1)},
        "different lengths",
    ),
    "a slice by what it reads": (
        [node("Slice", ["z", "z", "z"], ["x"])], {}, "is not a constant"
    ),
    "a slice by floats": (
        [node("Slice", ["z", "s", "s"], ["x"])], {"s": f32(1)}, "not a list of integers"
    ),
    "a target with a zero": (
        [node("Reshape", ["z", "t"], ["x"], allowzero=1)], {"t": i64(-1, 0)}, "size of zero"
    ),
    "a target without the batch": (
        [node("Reshape", ["z", "t"], ["x"])], {"t": i64(4, 30)}, "batch axis first"
    ),
    "a target that copies nothing": (
        [node("Reshape", ["z", "t"], ["x"])], {"t": i64(0, 4, 6, 5, 0)}, "axis the input has not"
    ),
    "a clip by nan": (
        [node("Clip", ["z", "l"], ["x"])], {"l": f32(np.nan)[0]}, "NaN"
    ),
    "a clip by two": ([node("Clip", ["z", "l"], ["x"])], {"l": f32(0, 1)}, "one number"),
    "a power of activations": ([node("Pow", ["z", "z"], ["x"])], {}, "is not a constant"),
    "dropout in training": (
        [node("Dropout", ["z", "r", "t"], ["x"])],
        {"r": f32(0.5)[0], "t": np.array(True)},
        "training mode",
    ),
    "a cast to integers": ([node("Cast", ["z"], ["x"], to=TensorProto.INT32)], {}, "cast"),
    "a pad of the batch": (
        [node("Pad", ["z", "p"], ["x"])], {"p": i64(1, 0, 0, 0, 0, 0, 0, 0)}, "pads the batch"
    ),
    "a pad that cuts": (
        [node("Pad", ["z", "p"], ["x"])], {"p": i64(0, 0, -1, 0, 0, 0, 0, 0)}, "negative pads"
    ),
    "a pad that wraps": (
        [node("Pad", ["z", "p"], ["x"], mode="wrap")], {"p": i64(*[0] * 8)}, "'wrap'"
    ),
    "too few pads": ([node("Pad", ["z", "p"], ["x"])], {"p": i64(1, 1)}, "2 pads for 4 axes"),
    "a cubic resize": (
        resize("", "s", mode="cubic"), {"s": f32(1, 1, 2, 2)}, "'cubic'"
    ),
    "antialiasing": (
        resize("", "s", mode="linear", antialias=1), {"s": f32(1, 1, 2, 2)}, "antialias"
    ),
    "a resize of channels": (resize("", "s"), {"s": f32(1, 2, 1, 1)}, "channels"),
    "a resize of channels by sizes": (
        resize("", "", "n"), {"n": i64(1, 5, 6, 5)}, "batch or the channels"
    ),
    "a scale between pixels": (resize("", "s"), {"s": f32(1, 1, 1.3, 1)}, "no whole number"),
    "three sizes": (resize("", "", "n"), {"n": i64(1, 4, 2)}, "3 sizes"),
    "three strides": (
        [node("Conv", ["z", "w"], ["x"], auto_pad="SAME_UPPER", strides=[1, 1, 1])],
        {"w": normal(2, 4, 3, 3)},
        "instead of 2 integers",
    ),
    "an output of one size": (
        [node("ConvTranspose", ["z", "w"], ["x"], output_shape=[9])],
        {"w": normal(4, 2, 3, 3)},
        "an output_shape",
    ),
    "three scales": (resize("", "s"), {"s": f32(1, 1, 2)}, "3 scales"),
    "a convolution in one dimension": (
        [node("Reshape", ["z", "t"], ["r"]), node("Conv", ["r", "w"], ["x"])],
        {"t": i64(0, 4, 30), "w": normal(2, 4, 3)},
        "1-D convolution",
    ),
    "an automatic pad of another name": (
        [node("Conv", ["z", "w"], ["x"], auto_pad="SAME")], {"w": normal(2, 4, 3, 3)}, "auto_pad"
    ),
    "a transposed one, too": (
        [node("ConvTranspose", ["z", "w"], ["x"], auto_pad="SAME_")],
        {"w": normal(4, 2, 3, 3)},
        "auto_pad",
    ),
    "a transposed convolution that is too large": (
        [node("ConvTranspose", ["z", "w"], ["x"], output_shape=[60, 60])],
        {"w": normal(4, 2, 3, 3)},
        "larger than it can have",
    ),
    "a weight that is computed": (
        [node("Conv", ["z", "z"], ["x"])], {}, "is not a constant"
    ),
    "a pool in one dimension": (
        [node("AveragePool", ["z"], ["x"], kernel_shape=[2])], {}, "a window"
    ),
    "a pool that rounds up": (
        [node("AveragePool", ["z"], ["x"], kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)],
        {},
        "reach over the edge",
    ),
    "a pool with dilations": (
        [node("AveragePool", ["z"], ["x"], kernel_shape=[2, 2], dilations=[2, 2])],
        {},
        "dilations",
    ),
    "a choice that is no softplus": (
        [node("Greater", ["z", "c"], ["g"]), node("Where", ["g", "z", "z"], ["x"])],
        {"c": f32(20)[0]},
        "Where",
    ),
    "a low threshold": (
        [
            node("Softplus", ["z"], ["s"]),
            node("Greater", ["z", "c"], ["g"]),
            node("Where", ["g", "z", "s"], ["x"]),
        ],
        {"c": f32(1)[0]},
        "Greater",
    ),
    "constants that do not fit": (
        [node("Add", ["a", "b"], ["c"]), node("Add", ["z", "c"], ["x"])],
        {"a": f32(1, 2), "b": f32(1, 2, 3)},
        "constants do not fit",
    ),
    "a constant of texts": (
        [node("Constant", [], ["c"], value_string="text"), node("Add", ["z", "c"], ["x"])],
        {},
        "a Constant of texts",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_form_that_fits_no_program_is_refused_by_name(case: str) -> None:
    nodes, constants, reason = REFUSED[case]
    with pytest.raises(UnsupportedOpError, match=reason):
        translated(graph(nodes, constants, IMAGE))


@pytest.mark.parametrize(
    ("attribute", "value", "expected"),
    [
        ("value_float", 2.0, [2.0] * 4),
        ("value_floats", [1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0]),
    ],
)
def test_constants_come_in_many_forms(attribute: str, value: Any, expected: list[float]) -> None:
    nodes = [node("Constant", [], ["c"], **{attribute: value}), node("Mul", ["z", "c"], ["x"])]
    program = assert_equal_everywhere(graph(nodes)).program
    (constant,) = program.tensors.values()
    np.testing.assert_array_equal(np.broadcast_to(constant.values(), 4), expected)


@pytest.mark.parametrize("attribute", ["value_int", "value_ints"])
def test_integer_constants_are_shapes(attribute: str) -> None:
    value = {"value_int": 2, "value_ints": [2]}[attribute]
    nodes = [
        node("Constant", [], ["two"], **{attribute: value}),
        node("Reshape", ["two", "one"], ["list"]),
        node("Concat", ["free", "list", "list"], ["target"], axis=0),
        node("Reshape", ["z", "target"], ["x"]),
    ]
    model = graph(nodes, {"one": i64(1), "free": i64(0)})
    assert assert_equal_everywhere(model).program.nodes[0].attributes == {"shape": (2, 2)}


def test_damaged_files_of_every_form_never_crash_the_reader(tmp_path: Path) -> None:
    rng, path = np.random.default_rng(0), tmp_path / "damaged.onnx"
    outcomes = Counter[str]()
    for nodes, constants, sizes in KNOWN.values():
        model = graph(nodes, constants, sizes)
        model.graph.output[0].CopyFrom(
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", "n"])
        )
        data = model.SerializeToString()
        for _ in range(20):
            damaged = bytearray(data)
            damaged[rng.integers(len(data))] = rng.integers(256)
            path.write_bytes(damaged)
            try:
                with np.errstate(all="ignore"):
                    read_program(path, "generator", "z", "x")
            except BitpriorError as error:
                outcomes[type(error).__name__] += 1
            else:
                outcomes["read"] += 1
    assert outcomes["read"] > 50  # a change of a value, or of a name
    assert len(outcomes) > 5
