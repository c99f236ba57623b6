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


def calibrate(parts: Parts, **changed: Any) -> None:
    """Give the manifest a calibration, good but for some of its fields."""
    ranges = {"generator": {"z": 3.0}, "sensing": {"x": 1.0}}
    good = {"activation_bits": 8, "cotangent_bits": 8, "absmax": ranges}
    parts.manifest["calibration"] = {**good, **changed}


@forgery(ValueRangeError)
def activations_of_twelve_bits(parts: Parts) -> None:
    calibrate(parts, activation_bits=12)


@forgery(ValueRangeError)
def cotangents_of_nine_bits(parts: Parts) -> None:
    calibrate(parts, cotangent_bits=9)


@forgery(InconsistentManifestError)
def cotangents_wider_than_activations(parts: Parts) -> None:
    calibrate(parts, cotangent_bits=16)


@forgery(WrongTypeError)
def activations_of_true_bits(parts: Parts) -> None:
    calibrate(parts, activation_bits=True)


@forgery(InconsistentManifestError)
def a_calibration_of_a_weight(parts: Parts) -> None:
    calibrate(parts, absmax={"generator": {"fc0.weight": 1.0}, "sensing": {}})


@forgery(MissingKeyError)
def a_calibration_of_half_the_programs(parts: Parts) -> None:
    calibrate(parts, absmax={"generator": {"z": 1.0}})


@forgery(ValueRangeError)
def an_activation_that_is_never_anything(parts: Parts) -> None:
    calibrate(parts, absmax={"generator": {"z": 0.0}, "sensing": {}})


@forgery(WrongTypeError)
def a_calibration_that_is_a_list(parts: Parts) -> None:
    parts.manifest["calibration"] = [8]


@forgery(InconsistentManifestError)
def latents_that_are_fewer_than_the_latent(parts: Parts) -> None:
    parts.manifest["latents"] = {"z": [3]}


@forgery(InconsistentManifestError)
def no_part_of_the_latent_at_all(parts: Parts) -> None:
    parts.manifest["latents"] = {}


@forgery(ValueRangeError)
def a_latent_in_more_parts_than_any_network(parts: Parts) -> None:
    parts.manifest["latents"] = {f"z{index}": [1] for index in range(65)}


@forgery(UnsafeNameError)
def a_part_of_the_latent_that_climbs_out(parts: Parts) -> None:
    parts.manifest["latents"] = {"../z": [4]}


@forgery(ShapeError)
def a_part_of_the_latent_of_size_zero(parts: Parts) -> None:
    parts.manifest["latents"] = {"z": [4], "none": [0]}


@forgery(UnknownKeyError)
def a_newer_key_in_an_older_format(parts: Parts) -> None:
    parts.manifest["format"] = "1.0"


@forgery(ValueRangeError)
def an_unknown_solver(parts: Parts) -> None:
    parts.manifest["solver"]["name"] = "eval"


@forgery(InconsistentManifestError)
def fista_without_its_step_size(parts: Parts) -> None:
    parts.manifest["solver"]["name"] = "fista"


@forgery(ValueRangeError)
def a_step_of_fista_that_goes_nowhere(parts: Parts) -> None:
    parts.manifest["solver"]["fista"] = {"sparsity": None, "step_size": 0.0}


@forgery(ValueRangeError)
def a_sparsity_of_fista_above_the_latent(parts: Parts) -> None:
    parts.manifest["solver"]["fista"] = {"sparsity": 5, "step_size": 0.1}


@forgery(InconsistentManifestError)
def momentum_on_the_unit_sphere(parts: Parts) -> None:
    parts.manifest["solver"]["projection"] = "unit-sphere"
    parts.manifest["solver"]["fista"] = {"sparsity": None, "step_size": 0.1}


@forgery(WrongTypeError)
def a_selection_that_is_a_list(parts: Parts) -> None:
    parts.manifest["solver"]["selection"] = ["fista"]
