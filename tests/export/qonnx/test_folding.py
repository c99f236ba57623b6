"""What a graph computes of constants is computed as onnxruntime would."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, numpy_helper

from bitprior_export.errors import UnsupportedOpError
from builders.graphs import Values, assert_equal_everywhere, graph, node, translated


def i64(*values: int) -> NDArray[np.int64]:
    return np.array(values, dtype=np.int64)


def f32(*values: float) -> NDArray[np.float32]:
    return np.array(values, dtype=np.float32)


TWO = f32(0.5, -2, 3, 4)
THREE = f32(2, 3, -1, 0.25)
FILLING = numpy_helper.from_array(f32(7))

# Nodes that write "c", the constant that is then added to the input.
FLOATS: dict[str, tuple[Sequence[NodeProto], Values]] = {
    "abs": ([node("Abs", ["a"], ["c"])], {"a": TWO}),
    "sub": ([node("Sub", ["a", "b"], ["c"])], {"a": TWO, "b": THREE}),
    "div": ([node("Div", ["a", "b"], ["c"])], {"a": TWO, "b": THREE}),
    "exp": ([node("Exp", ["a"], ["c"])], {"a": TWO}),
    "sqrt of exp": ([node("Exp", ["a"], ["e"]), node("Sqrt", ["e"], ["c"])], {"a": TWO}),
    "reciprocal": ([node("Reciprocal", ["a"], ["c"])], {"a": TWO}),
    "floor": ([node("Floor", ["a"], ["c"])], {"a": TWO}),
    "ceil": ([node("Ceil", ["a"], ["c"])], {"a": TWO}),
    "neg": ([node("Neg", ["a"], ["c"])], {"a": TWO}),
    "pow": ([node("Pow", ["a", "b"], ["c"])], {"a": TWO, "b": i64(2)}),
    "max": ([node("Max", ["a", "b"], ["c"])], {"a": TWO, "b": THREE}),
    "min": ([node("Min", ["a", "b"], ["c"])], {"a": TWO, "b": THREE}),
    "where": (
        [node("Less", ["a", "b"], ["less"]), node("Where", ["less", "a", "b"], ["c"])],
        {"a": TWO, "b": THREE},
    ),
    "gather": ([node("Gather", ["a", "i"], ["c"])], {"a": TWO, "i": i64(3, -1, 0, 1)}),
    "slice backwards": (
        [node("Slice", ["a", "s", "e", "x0", "t"], ["c"])],
        {"a": TWO, "s": i64(-1), "e": i64(-(2**31)), "x0": i64(0), "t": i64(-1)},
    ),
    "flatten": ([node("Flatten", ["a"], ["c"], axis=0)], {"a": TWO.reshape(2, 2)}),
    "reshape with zeros allowed": (
        [node("Reshape", ["a", "s"], ["c"], allowzero=1)], {"a": TWO.reshape(2, 2), "s": i64(-1)}
    ),
    "squeeze all": ([node("Squeeze", ["a"], ["c"])], {"a": TWO.reshape(1, 4, 1)}),
    "expand": ([node("Expand", ["a", "s"], ["c"])], {"a": f32(3), "s": i64(4)}),
    "constant of shape": ([node("ConstantOfShape", ["s"], ["c"], value=FILLING)], {"s": i64(4)}),
    "zeros": ([node("ConstantOfShape", ["s"], ["c"])], {"s": i64(4)}),
    "range": (
        [node("Range", ["a", "b", "d"], ["c"])],
        {"a": f32(1)[0], "b": f32(2)[0], "d": f32(0.25)[0]},
    ),
    "cast": ([node("Cast", ["a"], ["c"], to=TensorProto.FLOAT)], {"a": i64(1, 2, 3, 4)}),
}  # fmt: skip


@pytest.mark.parametrize("case", FLOATS)
def test_a_computed_constant_equals_onnxruntimes(case: str) -> None:
    nodes, constants = FLOATS[case]
    found = assert_equal_everywhere(graph([*nodes, node("Add", ["z", "c"], ["x"])], constants))
    assert [entry.op for entry in found.program.nodes] == ["Add"]


# Nodes that write the shape "c" to which [batch, 4] is reshaped.
SHAPES: dict[str, tuple[Sequence[NodeProto], Values]] = {
    "integer division cuts towards zero": (
        [
            node("Div", ["a", "b"], ["d"]),
            node("Concat", ["free", "d", "two"], ["c"], axis=0),
        ],
        {"a": i64(-5), "b": i64(-2), "free": i64(0), "two": i64(2)},
    ),
    "the rest of a division": (
        [node("Mod", ["a", "b"], ["d"]), node("Concat", ["free", "d", "d"], ["c"], axis=0)],
        {"a": i64(17), "b": i64(5), "free": i64(0)},
    ),
    "a product of sizes": (
        [
            node("Shape", ["z"], ["s"], start=1),
            node("ReduceProd", ["s"], ["p"], keepdims=1),
            node("Concat", ["free", "p", "one"], ["c"], axis=0),
        ],
        {"free": i64(0), "one": i64(1)},
    ),
    "a comparison": (
        [
            node("Shape", ["z"], ["s"]),
            node("Equal", ["t", "minus"], ["e"]),
            node("Where", ["e", "s", "t"], ["c"]),
        ],
        {"t": i64(-1, 4), "minus": i64(-1)},
    ),
    "integers that are squeezed": (
        [node("Unsqueeze", ["t", "a"], ["u"]), node("Squeeze", ["u", "a"], ["c"])],
        {"t": i64(0, 2, 2), "a": i64(0)},
    ),
}


@pytest.mark.parametrize("case", SHAPES)
def test_a_computed_shape_equals_onnxruntimes(case: str) -> None:
    nodes, constants = SHAPES[case]
    found = assert_equal_everywhere(graph([*nodes, node("Reshape", ["z", "c"], ["x"])], constants))
    assert [entry.op for entry in found.program.nodes] == ["Reshape"]


@pytest.mark.parametrize(
    ("nodes", "constants", "reason"),
    [
        ([node("Cast", ["a"], ["c"], to=TensorProto.STRING)], {"a": TWO}, "a cast to"),
        ([node("Range", ["a", "b", "b"], ["c"])], {"a": TWO[0], "b": f32(0)[0]}, "do not fit"),
        ([node("Gather", ["a", "i"], ["c"])], {"a": TWO, "i": i64(9)}, "do not fit"),
        ([node("Reshape", ["a", "i"], ["c"])], {"a": TWO, "i": i64(3)}, "do not fit"),
        ([node("ConstantOfShape", ["i"], ["c"])], {"i": i64(-4)}, "a constant of shape"),
    ],
)
def test_what_cannot_be_computed_is_refused(
    nodes: Sequence[NodeProto], constants: dict[str, Any], reason: str
) -> None:
    with pytest.raises(UnsupportedOpError, match=reason):
        translated(graph([*nodes, node("Add", ["z", "c"], ["x"])], constants))


def test_a_batch_that_moves_into_another_axis_is_noticed() -> None:
    nodes = [
        node("Shape", ["z"], ["s"]),
        node("Gather", ["s", "order"], ["turned"]),
        node("Reshape", ["z", "turned"], ["x"]),
    ]
    with pytest.raises(UnsupportedOpError, match="batch axis first"):
        translated(graph(nodes, {"order": i64(1, 0)}))


def test_constants_have_shapes_too() -> None:
    nodes = [
        node("Shape", ["w"], ["s"]),
        node("ConstantOfShape", ["s"], ["c"]),
        node("Add", ["z", "c"], ["x"]),
    ]
    assert_equal_everywhere(graph(nodes, {"w": TWO}))
