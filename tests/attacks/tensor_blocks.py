"""Attacks on the tensor blocks: offsets, holes, types, hashes, pad bits, values."""

import struct

from attacks.registry import attack, forgery
from bitprior_export.bundle import encode_bundle
from bitprior_runtime.bundle.errors import (
    BlockHashError,
    BlockLayoutError,
    BlockShapeError,
    BlockTypeError,
    CodeRangeError,
    InconsistentManifestError,
    MissingBlockError,
    NonFiniteError,
    PadBitsError,
    ScaleError,
    ShapeError,
    TrailingBytesError,
    TruncatedBundleError,
    UnexpectedBlockError,
    ValueRangeError,
    WrongTypeError,
)
from builders.bundles import smallest_bundle
from builders.forgery import Parts, forged, put_together, take_apart

BIAS, SCALE, CODES = (
    "generator/fc0.bias",
    "generator/fc0.weight#scale",
    "generator/fc0.weight#codes",
)


def offsets(parts: Parts, name: str) -> list[int]:
    """Return the offsets of a block, to change in place."""
    found: list[int] = parts.table[name]["data_offsets"]
    return found


def move(parts: Parts, start: int, distance: int) -> None:
    """Shift every block that begins at ``start`` or later."""
    for entry in parts.table.values():
        if entry["data_offsets"][0] >= start:
            entry["data_offsets"] = [offset + distance for offset in entry["data_offsets"]]


def set_float(parts: Parts, name: str, value: float) -> None:
    """Overwrite the first value of a float block."""
    struct.pack_into("<f", parts.data, offsets(parts, name)[0], value)


@forgery(BlockLayoutError)
def two_blocks_that_overlap(parts: Parts) -> None:
    parts.table["golden/latents"]["data_offsets"] = list(offsets(parts, "golden/gradients"))


@forgery(BlockLayoutError)
def a_hole_between_two_blocks(parts: Parts) -> None:
    hole = offsets(parts, SCALE)[0]
    move(parts, hole, 4)
    parts.data[hole:hole] = b"\0\0\0\0"


@forgery(BlockLayoutError)
def a_hole_before_the_first_block(parts: Parts) -> None:
    move(parts, 0, 8)
    parts.data[:0] = bytes(8)


@forgery(BlockLayoutError)
def a_block_longer_than_its_shape(parts: Parts) -> None:
    start, end = offsets(parts, BIAS)
    move(parts, end, 4)
    parts.table[BIAS]["data_offsets"] = [start, end + 4]
    parts.data[end:end] = bytes(4)


@forgery(BlockLayoutError)
def a_block_that_ends_before_it_begins(parts: Parts) -> None:
    offsets(parts, BIAS).reverse()


@forgery(BlockLayoutError)
def one_offset_instead_of_two(parts: Parts) -> None:
    offsets(parts, BIAS).pop()


@forgery(TruncatedBundleError)
def a_block_that_ends_behind_the_file(parts: Parts) -> None:
    offsets(parts, CODES)[1] += 1000


@forgery(ValueRangeError)
def a_negative_offset(parts: Parts) -> None:
    offsets(parts, BIAS)[0] = -4


@forgery(ValueRangeError)
def an_offset_of_2_to_the_62(parts: Parts) -> None:
    offsets(parts, BIAS)[1] = 2**62


@forgery(WrongTypeError)
def an_offset_that_is_a_float(parts: Parts) -> None:
    parts.table[BIAS]["data_offsets"][0] = 0.0


@forgery(WrongTypeError)
def an_offset_that_is_true(parts: Parts) -> None:
    parts.table[BIAS]["data_offsets"][0] = True


@forgery(ShapeError)
def a_block_shape_whose_product_overflows(parts: Parts) -> None:
    parts.table[BIAS]["shape"] = [2**31, 2**31, 2**31]


@forgery(BlockTypeError)
def a_block_of_half_floats(parts: Parts) -> None:
    parts.table[BIAS]["dtype"] = "F16"


@forgery(BlockTypeError)
def codes_stored_as_floats(parts: Parts) -> None:
    parts.table[CODES] |= {"dtype": "F32", "shape": [3]}


@forgery(BlockShapeError)
def planes_in_another_order_of_axes(parts: Parts) -> None:
    parts.table[CODES]["shape"].reverse()


@forgery(BlockShapeError)
def a_scale_for_each_column_instead_of_each_row(parts: Parts) -> None:
    parts.manifest["programs"]["generator"]["tensors"]["fc0.weight"]["axis"] = 1


@forgery(BlockShapeError)
def golden_images_of_another_geometry(parts: Parts) -> None:
    parts.table["golden/images"]["shape"] = [3, 1, 3, 2]


@forgery(BlockShapeError)
def a_golden_trace_of_another_length(parts: Parts) -> None:
    parts.table["golden/trace"]["shape"] = [3, 11]


@forgery(ValueRangeError)
def no_golden_cases_worth_the_name(parts: Parts) -> None:
    parts.table["golden/latents"]["shape"] = [1, 12]


@forgery(MissingBlockError)
def a_tensor_without_its_block(parts: Parts) -> None:
    tensors = parts.manifest["programs"]["generator"]["tensors"]
    tensors["ghost"] = {"kind": "float", "shape": [1]}


@forgery(MissingBlockError)
def no_golden_latents(parts: Parts) -> None:
    parts.table["golden/other"] = parts.table.pop("golden/latents")


@forgery(UnexpectedBlockError)
def a_block_nobody_names(parts: Parts) -> None:
    end = len(parts.data)
    parts.table["payload"] = {"dtype": "U8", "shape": [4], "data_offsets": [end, end + 4]}
    parts.data += b"\x7fELF"


@forgery(UnexpectedBlockError)
def a_block_named_like_a_path(parts: Parts) -> None:
    end = len(parts.data)
    parts.table["../x"] = {"dtype": "U8", "shape": [1], "data_offsets": [end, end + 1]}
    parts.data += b"x"


@forgery(TrailingBytesError)
def an_archive_behind_the_last_block(parts: Parts) -> None:
    parts.data += b"PK\x05\x06" + bytes(18)


@attack(BlockHashError)
def a_block_changed_but_not_its_hash() -> bytes:
    return forged(lambda parts: set_float(parts, BIAS, 1.0), hashed=False)


@attack(InconsistentManifestError)
def a_block_without_a_hash() -> bytes:
    return forged(lambda parts: parts.manifest["sha256"].pop(BIAS), hashed=False)


@attack(InconsistentManifestError)
def a_hash_without_a_block() -> bytes:
    return forged(lambda parts: parts.manifest["sha256"].update(x="0" * 64), hashed=False)


@attack(PadBitsError)
def a_message_in_the_pad_bits() -> bytes:
    parts = take_apart(encode_bundle(smallest_bundle()))
    parts.data[offsets(parts, "generator/w#codes")[0]] |= 0b1000_0000  # 6 codes of 1 bit
    return put_together(parts)


@forgery(ScaleError)
def a_scale_of_nan(parts: Parts) -> None:
    set_float(parts, SCALE, float("nan"))


@forgery(ScaleError)
def an_infinite_scale(parts: Parts) -> None:
    set_float(parts, SCALE, float("inf"))


@forgery(ScaleError)
def a_scale_of_zero(parts: Parts) -> None:
    set_float(parts, SCALE, 0.0)


@forgery(ScaleError)
def a_negative_scale(parts: Parts) -> None:
    set_float(parts, SCALE, -1.0)


@forgery(NonFiniteError)
def a_bias_of_nan(parts: Parts) -> None:
    set_float(parts, BIAS, float("nan"))


@forgery(NonFiniteError)
def a_golden_image_of_infinity(parts: Parts) -> None:
    set_float(parts, "golden/images", float("-inf"))


@forgery(CodeRangeError)
def a_code_below_the_narrow_grid(parts: Parts) -> None:
    parts.manifest["grid"] = "narrow"
    for entry in parts.manifest["programs"]["generator"]["tensors"].values():
        if entry["kind"] == "codes":
            entry["grid"] = "narrow"
    parts.data[parts.place(CODES)] = bytes(12)
