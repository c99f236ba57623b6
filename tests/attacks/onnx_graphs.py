"""Hostile ONNX files: each with the error class that must refuse it at the front door."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, TensorProto, helper, numpy_helper

from bitprior_export.errors import (
    CyclicGraphError,
    DuplicateNameError,
    ExternalDataError,
    InterfaceError,
    LocalFunctionError,
    MalformedOnnxError,
    QonnxError,
    SizeLimitError,
    SparseTensorError,
    SubgraphError,
    TensorDataError,
    TensorTypeError,
    UnsupportedOpError,
)

SIZE = 4


@dataclass(frozen=True)
class OnnxAttack:
    """A hostile file and the error that must refuse it."""

    name: str
    build: Callable[[], bytes]
    error: type[QonnxError]


ONNX_ATTACKS: list[OnnxAttack] = []


def good_model() -> ModelProto:
    """Return z [batch,4] -> Add a constant -> Tanh -> x."""
    nodes = [
        helper.make_node("Add", ["z", "c"], ["sum"], name="add"),
        helper.make_node("Tanh", ["sum"], ["x"], name="tanh"),
    ]
    constant = numpy_helper.from_array(np.arange(SIZE, dtype=np.float32), "c")
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", SIZE]) for name in "zx"
    ]
    graph = helper.make_graph(nodes, "good", ends[:1], ends[1:], [constant])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def forgery(error: type[QonnxError]) -> Callable[[Callable[[ModelProto], None]], None]:
    """Register a function that changes a good model."""

    def register(change: Callable[[ModelProto], None]) -> None:
        def build() -> bytes:
            model = good_model()
            change(model)
            return model.SerializeToString()

        ONNX_ATTACKS.append(OnnxAttack(change.__name__, build, error))

    return register


def attack(error: type[QonnxError]) -> Callable[[Callable[[], bytes]], None]:
    """Register a function that returns the bytes of a hostile file."""

    def register(build: Callable[[], bytes]) -> None:
        ONNX_ATTACKS.append(OnnxAttack(build.__name__, build, error))

    return register


def constant(model: ModelProto) -> TensorProto:
    """Return the one initialiser, to change in place."""
    return model.graph.initializer[0]


def insert(model: ModelProto, *nodes: onnx.NodeProto) -> None:
    """Put nodes before the others."""
    kept = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *kept])


# Other files


@forgery(ExternalDataError)
def weights_in_another_file(model: ModelProto) -> None:
    onnx.external_data_helper.set_external_data(constant(model), "/etc/passwd", 0, 16)


@forgery(ExternalDataError)
def weights_in_a_file_that_climbs_out(model: ModelProto) -> None:
    onnx.external_data_helper.set_external_data(constant(model), "../../../etc/shadow")
    constant(model).ClearField("raw_data")


@forgery(ExternalDataError)
def a_location_without_saying_external(model: ModelProto) -> None:
    entry = constant(model).external_data.add()
    entry.key, entry.value = "location", "http://example.org/weights"


@forgery(ExternalDataError)
def external_data_in_a_constant_node(model: ModelProto) -> None:
    tensor = numpy_helper.from_array(np.zeros(SIZE, np.float32))
    onnx.external_data_helper.set_external_data(tensor, "../secret")
    insert(model, helper.make_node("Constant", [], ["d"], value=tensor))


# Sizes that lie


@forgery(TensorDataError)
def sizes_of_a_petabyte(model: ModelProto) -> None:
    constant(model).dims[:] = [2**31, 2**20]


@forgery(TensorDataError)
def sizes_whose_product_is_zero_modulo_two_to_the_64(model: ModelProto) -> None:
    constant(model).dims[:] = [2**32, 2**32]
    constant(model).raw_data = b""


@forgery(TensorDataError)
def a_negative_size(model: ModelProto) -> None:
    constant(model).dims[:] = [-4]


@forgery(TensorDataError)
def two_negative_sizes(model: ModelProto) -> None:
    constant(model).dims[:] = [-2, -2]


@forgery(TensorDataError)
def fewer_values_than_announced(model: ModelProto) -> None:
    constant(model).raw_data = bytes(12)


@forgery(TensorDataError)
def more_values_than_announced(model: ModelProto) -> None:
    constant(model).raw_data = bytes(4000)


@forgery(TensorDataError)
def fewer_entries_than_announced(model: ModelProto) -> None:
    constant(model).ClearField("raw_data")
    constant(model).float_data.extend([1.0])


@forgery(TensorDataError)
def a_tensor_of_a_hundred_axes(model: ModelProto) -> None:
    constant(model).dims[:] = [1] * 99 + [SIZE]


@forgery(UnsupportedOpError)
def a_constant_of_any_shape(model: ModelProto) -> None:
    shape = numpy_helper.from_array(np.array([2**20, 2**20], dtype=np.int64), "huge")
    model.graph.initializer.append(shape)
    insert(model, helper.make_node("ConstantOfShape", ["huge"], ["d"]))


@forgery(UnsupportedOpError)
def a_constant_expanded_without_end(model: ModelProto) -> None:
    shape = numpy_helper.from_array(np.array([2**24, 2**24, 4], dtype=np.int64), "huge")
    model.graph.initializer.append(shape)
    insert(model, helper.make_node("Expand", ["c", "huge"], ["d"]))


@forgery(UnsupportedOpError)
def a_range_without_end(model: ModelProto) -> None:
    for name, value in (("start", 0), ("limit", 2**60), ("delta", 1)):
        model.graph.initializer.append(numpy_helper.from_array(np.array(value), name))
    insert(model, helper.make_node("Range", ["start", "limit", "delta"], ["d"]))


@forgery(UnsupportedOpError)
def constants_that_double_and_double(model: ModelProto) -> None:
    names = ["c", *(f"c{index}" for index in range(40))]
    insert(
        model,
        *(
            helper.make_node("Concat", [old, old], [new], axis=0)
            for old, new in itertools.pairwise(names)
        ),
    )


@forgery(UnsupportedOpError)
def an_image_padded_to_a_terabyte(model: ModelProto) -> None:
    pads = numpy_helper.from_array(np.array([0, 0, 0, 2**40], dtype=np.int64), "pads")
    model.graph.initializer.append(pads)
    insert(model, helper.make_node("Pad", ["z", "pads"], ["d"]))
    model.graph.node[1].input[0] = "d"


# Types


@forgery(TensorTypeError)
def a_tensor_of_texts(model: ModelProto) -> None:
    constant(model).CopyFrom(helper.make_tensor("c", TensorProto.STRING, [SIZE], [b"x"] * SIZE))


@forgery(TensorTypeError)
def complex_weights(model: ModelProto) -> None:
    constant(model).CopyFrom(numpy_helper.from_array(np.ones(SIZE, np.complex64), "c"))


@forgery(TensorTypeError)
def a_tensor_without_a_type(model: ModelProto) -> None:
    constant(model).data_type = TensorProto.UNDEFINED


@forgery(TensorTypeError)
def a_tensor_of_type_9999(model: ModelProto) -> None:
    constant(model).data_type = 9999


@forgery(UnsupportedOpError)
def weights_of_64_bits(model: ModelProto) -> None:
    constant(model).CopyFrom(numpy_helper.from_array(np.ones(SIZE), "c"))


@forgery(InterfaceError)
def an_input_of_texts(model: ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.STRING


@forgery(SparseTensorError)
def a_sparse_initialiser(model: ModelProto) -> None:
    values = numpy_helper.from_array(np.ones(1, np.float32), "s")
    places = numpy_helper.from_array(np.array([2**40], dtype=np.int64))
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, [2**50]))


@forgery(SparseTensorError)
def a_sparse_constant(model: ModelProto) -> None:
    values = numpy_helper.from_array(np.ones(1, np.float32))
    places = numpy_helper.from_array(np.array([0], dtype=np.int64))
    sparse = helper.make_sparse_tensor(values, places, [SIZE])
    insert(model, helper.make_node("Constant", [], ["d"], sparse_value=sparse))


# Graphs in graphs


def _body() -> GraphProto:
    value = helper.make_tensor_value_info("inner", TensorProto.FLOAT, [1])
    return helper.make_graph([helper.make_node("Neg", ["c"], ["inner"])], "body", [], [value])


@forgery(SubgraphError)
def a_loop(model: ModelProto) -> None:
    insert(model, helper.make_node("Loop", ["", ""], ["d"], body=_body()))


@forgery(SubgraphError)
def a_choice(model: ModelProto) -> None:
    branches = {"then_branch": _body(), "else_branch": _body()}
    insert(model, helper.make_node("If", ["c"], ["d"], **branches))


@forgery(SubgraphError)
def a_scan(model: ModelProto) -> None:
    insert(model, helper.make_node("Scan", ["c"], ["d"], body=_body(), num_scan_inputs=1))


@forgery(SubgraphError)
def a_graph_in_an_op_that_has_none(model: ModelProto) -> None:
    model.graph.node[1].attribute.append(helper.make_attribute("alpha", _body()))


@forgery(SubgraphError)
def a_list_of_graphs(model: ModelProto) -> None:
    model.graph.node[1].attribute.append(helper.make_attribute("bodies", [_body(), _body()]))


@forgery(LocalFunctionError)
def functions_that_unfold_without_end(model: ModelProto) -> None:
    opset = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    for index in range(30):
        calls = [
            helper.make_node(f"f{index + 1}", [old], [new], domain="own")
            for old, new in (("a", "t"), ("t", "b"))
        ]
        model.functions.append(helper.make_function("own", f"f{index}", ["a"], ["b"], calls, opset))


# Names and order


@forgery(CyclicGraphError)
def two_nodes_that_wait_for_each_other(model: ModelProto) -> None:
    model.graph.node[0].input[1] = "x"


@forgery(CyclicGraphError)
def a_node_that_waits_for_itself(model: ModelProto) -> None:
    model.graph.node[1].input[0] = "x"


@forgery(MalformedOnnxError)
def nodes_in_the_wrong_order(model: ModelProto) -> None:
    insert(model, model.graph.node.pop())


@forgery(DuplicateNameError)
def a_tensor_written_twice(model: ModelProto) -> None:
    model.graph.node.append(helper.make_node("Relu", ["z"], ["x"]))


@forgery(DuplicateNameError)
def two_initialisers_of_one_name(model: ModelProto) -> None:
    model.graph.initializer.append(constant(model))


@forgery(DuplicateNameError)
def a_node_that_overwrites_a_weight(model: ModelProto) -> None:
    model.graph.node.append(helper.make_node("Relu", ["z"], ["c"]))


@forgery(DuplicateNameError)
def a_node_that_overwrites_the_input(model: ModelProto) -> None:
    model.graph.node.append(helper.make_node("Relu", ["x"], ["z"]))


@forgery(MalformedOnnxError)
def a_tensor_nobody_writes(model: ModelProto) -> None:
    model.graph.node[0].input[1] = "ghost"


@attack(MalformedOnnxError)
def a_name_that_is_no_text() -> bytes:
    return good_model().SerializeToString().replace(b"tanh", b"\xff\xfe\xfd\xfc")


@forgery(InterfaceError)
def several_inputs(model: ModelProto) -> None:
    noise = helper.make_tensor_value_info("noise", TensorProto.FLOAT, ["batch", 7])
    model.graph.input.append(noise)


# Too much


@forgery(SizeLimitError)
def five_thousand_nodes(model: ModelProto) -> None:
    insert(model, *(helper.make_node("Neg", ["c"], [f"t{index}"]) for index in range(5000)))


@forgery(SizeLimitError)
def five_thousand_tensors(model: ModelProto) -> None:
    value = np.zeros((), np.float32)
    model.graph.initializer.extend(
        numpy_helper.from_array(value, f"t{index}") for index in range(5000)
    )


@forgery(SizeLimitError)
def five_thousand_inputs_of_a_node(model: ModelProto) -> None:
    insert(model, helper.make_node("Concat", ["c"] * 5000, ["d"], axis=0))


@forgery(SizeLimitError)
def an_attribute_of_a_hundred_thousand_values(model: ModelProto) -> None:
    insert(model, helper.make_node("Transpose", ["c"], ["d"], perm=list(range(100_000))))


@forgery(SizeLimitError)
def a_name_of_a_megabyte(model: ModelProto) -> None:
    insert(model, helper.make_node("Neg", ["c"], ["n" * 2**20]))


# Bytes


@attack(MalformedOnnxError)
def half_a_file() -> bytes:
    data = good_model().SerializeToString()
    return data[: len(data) // 2]


@attack(MalformedOnnxError)
def another_kind_of_file() -> bytes:
    return b"PK\x03\x04" + bytes(500)


@attack(MalformedOnnxError)
def messages_nested_ten_thousand_deep() -> bytes:
    def field(number: int, data: bytes) -> bytes:
        length, head = len(data), b""
        while length > 127:
            head += bytes([length & 127 | 128])
            length >>= 7
        return bytes([number << 3 | 2]) + head + bytes([length]) + data

    graph = b""
    for _ in range(2500):  # graph -> node -> attribute -> graph
        graph = field(1, field(5, field(6, graph)))
    return good_model().SerializeToString() + field(7, graph)
