"""Attacks on frames, on priors that measure nothing, and on learned searches (format 1.4)."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from attacks.registry import attack
from bitprior_export.bundle import encode_bundle
from bitprior_runtime.bundle.errors import (
    BlockShapeError,
    BlockTypeError,
    BundleError,
    BundleProgramError,
    InconsistentManifestError,
    MissingBlockError,
    MissingKeyError,
    NonFiniteError,
    ShapeChainError,
    UnexpectedBlockError,
    UnknownKeyError,
    ValueRangeError,
    WrongTypeError,
)
from builders.forgery import Parts, put_together, take_apart
from builders.photo import photo_bundle


@cache
def good() -> bytes:
    """Return the bytes of a good photo prior."""
    return encode_bundle(photo_bundle(channels=4))


def photo(error: type[BundleError]) -> Callable[[Callable[[Parts], None]], None]:
    """Register a function that changes the parts of a good photo prior, sealed again."""

    def register(change: Callable[[Parts], None]) -> None:
        def build() -> bytes:
            parts = take_apart(good())
            change(parts)
            return put_together(parts)

        build.__name__ = change.__name__
        attack(error)(build)

    return register


def reshape(parts: Parts, block: str, *shape: int) -> None:
    """Give a float block another shape, and zeros of it at the end of the file."""
    count = int(np.prod(shape))
    entry = parts.table[block]
    begin, end = entry["data_offsets"]
    for other in parts.table.values():
        if other["data_offsets"][0] >= end:
            other["data_offsets"] = [
                place + 4 * count - end + begin for place in other["data_offsets"]
            ]
    parts.data[begin:end] = bytes(4 * count)
    parts.table[block] = {
        "dtype": "F32",
        "shape": list(shape),
        "data_offsets": [begin, begin + 4 * count],
    }


def drop(parts: Parts, block: str) -> None:
    """Take a block out."""
    reshape(parts, block, 0)
    del parts.table[block]


def program(parts: Parts, name: str) -> dict[str, Any]:
    """Return the manifest's entry of a program."""
    entry: dict[str, Any] = parts.manifest["programs"][name]
    return entry


@photo(WrongTypeError)
def frames_without_a_record(parts: Parts) -> None:
    parts.manifest["frames"] = 2


@photo(ValueRangeError)
def a_stride_of_none(parts: Parts) -> None:
    parts.manifest["frames"]["stride"] = 0


@photo(ValueRangeError)
def a_stride_longer_than_the_image(parts: Parts) -> None:
    parts.manifest["frames"]["stride"] = 9


@photo(InconsistentManifestError)
def a_stride_that_the_maps_do_not_have(parts: Parts) -> None:
    parts.manifest["frames"]["stride"] = 3


@photo(InconsistentManifestError)
def frames_of_a_latent_that_is_no_maps(parts: Parts) -> None:
    parts.manifest["latents"] = {"z": [64]}


@photo(InconsistentManifestError)
def a_search_without_frames(parts: Parts) -> None:
    parts.manifest["frames"] = None


@photo(BundleProgramError)
def frames_of_a_generator_with_an_output_for_single_places(parts: Parts) -> None:
    nodes = program(parts, "generator")["nodes"]
    nodes[-1]["output"] = "drawn"
    nodes += [
        {"op": "Flatten", "inputs": ["drawn"], "output": "flat", "attributes": {}},
        {"op": "Reshape", "inputs": ["flat"], "output": "x", "attributes": {"shape": [1, 8, 8]}},
    ]


@photo(InconsistentManifestError)
def a_measurement_of_nothing_with_another_size(parts: Parts) -> None:
    parts.manifest["measurement"]["size"] = 63


@photo(UnknownKeyError)
def a_sensing_program_where_nothing_measures(parts: Parts) -> None:
    parts.manifest["programs"]["sensing"] = program(parts, "generator")


@photo(MissingKeyError)
def no_sensing_program_where_something_measures(parts: Parts) -> None:
    parts.manifest["measurement"]["kind"] = "mlp"


@photo(MissingKeyError)
def a_search_without_its_start(parts: Parts) -> None:
    del parts.manifest["programs"]["start"]


@photo(UnknownKeyError)
def programs_of_a_search_that_is_not_there(parts: Parts) -> None:
    parts.manifest["search"] = None
    parts.manifest["solver"]["name"] = "proximal"


@photo(InconsistentManifestError)
def a_learned_solver_without_a_search(parts: Parts) -> None:
    parts.manifest["search"] = None
    del parts.manifest["programs"]["start"], parts.manifest["programs"]["penalty"]


@photo(InconsistentManifestError)
def a_start_at_measurements_that_are_none(parts: Parts) -> None:
    parts.manifest["solver"]["initial_latent"] = "measurement"


@photo(ValueRangeError)
def a_mean_above_every_pixel(parts: Parts) -> None:
    parts.manifest["search"]["mean"] = 1.5


@photo(WrongTypeError)
def a_mean_that_is_an_integer(parts: Parts) -> None:
    parts.manifest["search"]["mean"] = 1


@photo(UnknownKeyError)
def a_search_with_steps_in_the_manifest(parts: Parts) -> None:
    parts.manifest["search"]["steps"] = 7


@photo(UnknownKeyError)
def frames_in_an_older_format(parts: Parts) -> None:
    parts.manifest["format"] = "1.3"


@photo(ValueRangeError)
def too_many_steps(parts: Parts) -> None:
    reshape(parts, "search/momentum", 257)


@photo(ValueRangeError)
def too_many_lags(parts: Parts) -> None:
    reshape(parts, "search/covariance", 513, 513)


@photo(ValueRangeError)
def a_search_of_no_steps(parts: Parts) -> None:
    reshape(parts, "search/momentum")


@photo(BlockShapeError)
def step_sizes_of_more_steps_than_momenta(parts: Parts) -> None:
    reshape(parts, "search/step_size", 3, 4)


@photo(BlockShapeError)
def shrinkage_of_other_channels(parts: Parts) -> None:
    reshape(parts, "search/shrinkage", 2, 5)


@photo(BlockShapeError)
def thresholds_of_another_penalty(parts: Parts) -> None:
    reshape(parts, "search/threshold", 2, 5, 3)


@photo(BlockShapeError)
def a_covariance_that_is_not_square(parts: Parts) -> None:
    reshape(parts, "search/covariance", 6, 5)


@photo(ShapeChainError)
def slopes_of_another_penalty_than_the_program(parts: Parts) -> None:
    reshape(parts, "search/slope", 2, 5, 3)
    reshape(parts, "search/threshold", 2, 5, 3)


@photo(BlockTypeError)
def a_schedule_in_bytes(parts: Parts) -> None:
    parts.table["search/momentum"] |= {"dtype": "U8", "shape": [8]}
    reshape(parts, "search/step_size", 8, 4)


@photo(MissingBlockError)
def a_search_without_a_covariance(parts: Parts) -> None:
    drop(parts, "search/covariance")


@photo(MissingBlockError)
def a_search_without_its_correction(parts: Parts) -> None:
    drop(parts, "search/correction")


@photo(UnexpectedBlockError)
def a_search_with_a_block_of_its_own(parts: Parts) -> None:
    parts.table["search/more"] = parts.table.pop("search/correction")
    parts.table["search/correction"] = {
        "dtype": "F32", "shape": [3], "data_offsets": [len(parts.data), len(parts.data) + 12]
    }  # fmt: skip
    parts.data += bytes(12)


@photo(NonFiniteError)
def a_momentum_that_is_no_number(parts: Parts) -> None:
    place = parts.place("search/momentum")
    parts.data[place] = np.array([np.nan, 0.3], "<f4").tobytes()


@photo(ShapeChainError)
def a_start_from_another_input(parts: Parts) -> None:
    start = program(parts, "start")
    start["inputs"] = {"v": start["inputs"]["u"]}
    start["nodes"][0]["inputs"] = ["v"]
    absmax = parts.manifest["calibration"]["absmax"]["start"]
    absmax["v"] = absmax.pop("u")


@photo(ShapeChainError)
def a_start_that_gives_no_latent(parts: Parts) -> None:
    start = program(parts, "start")
    start["nodes"].append(
        {"op": "DepthToSpace", "inputs": ["z"], "output": "s", "attributes": {"blocksize": 2}}
    )
    start["output"] = "s"


@photo(BundleProgramError)
def a_penalty_that_does_not_follow_a_frame(parts: Parts) -> None:
    nodes = program(parts, "penalty")["nodes"]
    nodes[-1]["output"] = "whole"
    nodes += [
        {"op": "Flatten", "inputs": ["whole"], "output": "flat", "attributes": {}},
        {"op": "Reshape", "inputs": ["flat"], "output": "features",
         "attributes": {"shape": [4, 4, 4]}},
    ]  # fmt: skip


@photo(MissingKeyError)
def ranges_without_those_of_the_penalty(parts: Parts) -> None:
    del parts.manifest["calibration"]["absmax"]["penalty"]


@photo(UnknownKeyError)
def ranges_of_a_sensing_program_that_is_not_there(parts: Parts) -> None:
    parts.manifest["calibration"]["absmax"]["sensing"] = {}
