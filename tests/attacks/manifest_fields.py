"""Attacks on single fields of the manifest: types, ranges, names, shapes."""

from typing import Any

from attacks.registry import forgery
from bitprior_runtime.bundle.errors import (
    InconsistentManifestError,
    MissingKeyError,
    ShapeError,
    UnknownKeyError,
    UnsafeNameError,
    ValueRangeError,
    WrongTypeError,
)
from builders.forgery import Parts


def weight(parts: Parts) -> dict[str, Any]:
    """Return the manifest's entry of a quantised tensor."""
    entry: dict[str, Any] = parts.manifest["programs"]["generator"]["tensors"]["fc0.weight"]
    return entry


def rename(parts: Parts, name: str) -> None:
    """Give a tensor of the generator another name, everywhere."""
    generator = parts.manifest["programs"]["generator"]
    generator["tensors"][name] = generator["tensors"].pop("fc0.bias")
    parts.table[f"generator/{name}"] = parts.table.pop("generator/fc0.bias")
    for node in generator["nodes"]:
        node["inputs"] = [name if old == "fc0.bias" else old for old in node["inputs"]]


@forgery(ValueRangeError)
def zero_bits(parts: Parts) -> None:
    weight(parts)["bits"] = 0


@forgery(ValueRangeError)
def nine_bits(parts: Parts) -> None:
    weight(parts)["bits"] = 9


@forgery(ValueRangeError)
def thirty_three_bits(parts: Parts) -> None:
    weight(parts)["bits"] = 33


@forgery(InconsistentManifestError)
def binary_with_four_bits(parts: Parts) -> None:
    weight(parts)["grid"] = "binary"


@forgery(InconsistentManifestError)
def fewer_bits_claimed_than_stored(parts: Parts) -> None:
    parts.manifest["bits"] = 1


@forgery(InconsistentManifestError)
def another_grid_claimed_than_stored(parts: Parts) -> None:
    parts.manifest["grid"] = "mid-rise"


@forgery(ValueRangeError)
def an_unknown_grid(parts: Parts) -> None:
    weight(parts)["grid"] = "ternary"


@forgery(ValueRangeError)
def a_negative_axis(parts: Parts) -> None:
    weight(parts)["axis"] = -1


@forgery(ValueRangeError)
def an_axis_beyond_the_rank(parts: Parts) -> None:
    weight(parts)["axis"] = 2


@forgery(WrongTypeError)
def true_where_an_integer_belongs(parts: Parts) -> None:
    parts.manifest["latent"] = True


@forgery(WrongTypeError)
def a_float_where_an_integer_belongs(parts: Parts) -> None:
    parts.manifest["latent"] = 4.0


@forgery(WrongTypeError)
def an_integer_where_a_float_belongs(parts: Parts) -> None:
    parts.manifest["solver"]["step_size"] = 1


@forgery(WrongTypeError)
def a_list_where_an_object_belongs(parts: Parts) -> None:
    parts.manifest["programs"] = []


@forgery(ValueRangeError)
def a_step_size_of_minus_one(parts: Parts) -> None:
    parts.manifest["solver"]["step_size"] = -1.0


@forgery(ValueRangeError)
def a_tolerance_of_zero(parts: Parts) -> None:
    parts.manifest["tolerances"]["image"] = 0.0


@forgery(ValueRangeError)
def a_million_million_steps(parts: Parts) -> None:
    parts.manifest["solver"]["steps"] = 10**12


@forgery(ValueRangeError)
def a_sparsity_above_the_latent(parts: Parts) -> None:
    parts.manifest["solver"]["sparsity"] = 5


@forgery(ValueRangeError)
def another_value_range(parts: Parts) -> None:
    parts.manifest["value_range"] = [-1.0, 1.0]


@forgery(ValueRangeError)
def an_image_of_two_axes(parts: Parts) -> None:
    parts.manifest["geometry"] = [2, 3]


@forgery(MissingKeyError)
def no_tolerances(parts: Parts) -> None:
    del parts.manifest["tolerances"]


@forgery(UnknownKeyError)
def a_key_nobody_knows(parts: Parts) -> None:
    parts.manifest["run_after_loading"] = "rm -rf /"


@forgery(UnknownKeyError)
def external_data(parts: Parts) -> None:
    weight(parts)["location"] = "/etc/passwd"


@forgery(ShapeError)
def a_shape_whose_product_overflows_64_bits(parts: Parts) -> None:
    weight(parts)["shape"] = [2**32, 2**32 + 1]


@forgery(ShapeError)
def more_weights_than_memory(parts: Parts) -> None:
    weight(parts)["shape"] = [2**13, 2**13]


@forgery(ShapeError)
def a_size_of_zero(parts: Parts) -> None:
    weight(parts)["shape"] = [0, 4]


@forgery(ShapeError)
def a_negative_size(parts: Parts) -> None:
    weight(parts)["shape"] = [-6, -4]


@forgery(ShapeError)
def seven_axes(parts: Parts) -> None:
    weight(parts)["shape"] = [1, 1, 1, 1, 1, 6, 4]


@forgery(UnsafeNameError)
def a_tensor_name_that_climbs_out(parts: Parts) -> None:
    rename(parts, "../../x")


@forgery(UnsafeNameError)
def a_tensor_name_that_is_an_absolute_path(parts: Parts) -> None:
    rename(parts, "/etc/passwd")


@forgery(UnsafeNameError)
def a_tensor_name_that_mimics_another_block(parts: Parts) -> None:
    rename(parts, "fc0.weight#codes2")


@forgery(UnsafeNameError)
def an_empty_tensor_name(parts: Parts) -> None:
    rename(parts, "")


@forgery(UnsafeNameError)
def a_tensor_name_of_300_letters(parts: Parts) -> None:
    rename(parts, "x" * 300)


@forgery(UnsafeNameError)
def a_companion_in_another_folder(parts: Parts) -> None:
    parts.manifest["companions"] = {"../.bashrc": "0" * 64}


@forgery(ValueRangeError)
def a_companion_hash_that_is_none(parts: Parts) -> None:
    parts.manifest["companions"] = {"gradient.onnx": "0" * 63}


@forgery(ValueRangeError)
def a_name_of_a_thousand_letters(parts: Parts) -> None:
    parts.manifest["name"] = "x" * 1000
