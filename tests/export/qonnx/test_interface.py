"""The ends of strangers' graphs are fitted to a prior's."""

import numpy as np
import pytest
from onnx import TensorProto, helper

from bitprior_export.errors import InterfaceError
from bitprior_export.foreign import ForeignOptions
from bitprior_export.qonnx.interface import take_flat, take_images, to_unit_range
from bitprior_export.source import check_chain, ends
from builders.graphs import assert_equal_everywhere, graph, node, translated


def test_latents_with_axes_become_flat_ones() -> None:
    weight = np.random.default_rng(0).standard_normal((4, 3, 2, 2), dtype=np.float32)
    convolution = node("ConvTranspose", ["z", "w"], ["x"])
    model = take_flat(graph([convolution], {"w": weight}, ("batch", 4, 1, 1)))
    found = assert_equal_everywhere(model)
    assert ends(found) == ((4,), (3, 2, 2))
    assert [entry.op for entry in found.program.nodes] == ["Reshape", "ConvTranspose"]


@pytest.mark.parametrize("batch", [1, "batch"])
def test_flat_latents_stay_as_they_are(batch: int | str) -> None:
    model = graph([node("Tanh", ["z"], ["x"])], sizes=(batch, 4))
    assert take_flat(model) is model


def test_images_are_flattened_for_a_network_that_wants_them_flat() -> None:
    model = graph([node("Tanh", ["z"], ["x"])], sizes=(1, 12))
    found = assert_equal_everywhere(take_images(model, (1, 3, 4)), rows=2, ort=False)
    assert ends(found) == ((1, 3, 4), (12,))
    assert take_images(model, (1, 3, 5)) is model


def test_values_of_minus_one_to_one_are_moved() -> None:
    model = graph(
        [node("Tanh", ["z"], ["bitprior.pixels"]), node("Neg", ["bitprior.pixels"], ["x"])]
    )
    found = assert_equal_everywhere(to_unit_range(model))
    assert [entry.op for entry in found.program.nodes] == ["Tanh", "Neg", "Mul", "Add"]
    assert found.program.output == "x"


def test_networks_that_do_not_fit_each_other_are_refused() -> None:
    flat = translated(graph([node("Tanh", ["z"], ["x"])]))
    shape = np.array([0, 1, 2, 2])
    image = translated(graph([node("Reshape", ["z", "s"], ["x"])], {"s": shape}))
    with pytest.raises(InterfaceError, match=r"images \[C,H,W\]"):
        check_chain(flat, flat)
    with pytest.raises(InterfaceError, match=r"images \[1, 2, 2\]"):
        check_chain(image, flat)


def test_an_input_that_is_listed_with_the_initialisers_is_none() -> None:
    model = graph([node("Add", ["z", "c"], ["x"])], {"c": np.ones(4, np.float32)})
    model.graph.input.append(helper.make_tensor_value_info("c", TensorProto.FLOAT, [4]))
    assert_equal_everywhere(model)


@pytest.mark.parametrize("changed", [{"weight_bits": 0}, {"sensing_bits": 9}, {"steps": 0}])
def test_options_out_of_range_are_refused(changed: dict[str, int], tmp_path) -> None:
    with pytest.raises(ValueError, match=r"bits|steps"):
        ForeignOptions(tmp_path / "g.onnx", "identity", **changed)
