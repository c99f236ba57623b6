"""Attacks through JSON's freedoms, in the manifest and in the header."""

import json

from attacks.registry import attack, forgery
from bitprior_runtime.bundle.errors import (
    ControlCharacterError,
    DuplicateKeyError,
    HeaderTooLargeError,
    MalformedJsonError,
    NestingError,
    NumberError,
    TextEncodingError,
    TooManyBlocksError,
    UnknownKeyError,
    WrongTypeError,
)
from builders.forgery import Parts, framed, sealed, tiny_parts


def with_manifest_text(extra: str) -> bytes:
    """Return a sealed file whose manifest has ``extra`` before its other keys."""
    parts = tiny_parts()
    return sealed(extra + "," + json.dumps(parts.manifest)[1:], _table(parts), bytes(parts.data))


def with_table_text(extra: str) -> bytes:
    """Return a sealed file whose header has ``extra`` before its block table."""
    parts = tiny_parts()
    table = extra + "," + _table(parts)
    return sealed(json.dumps(parts.manifest)[1:], table, bytes(parts.data))


def _table(parts: Parts) -> str:
    return json.dumps(parts.table)[1:]


@attack(DuplicateKeyError)
def two_names_in_the_manifest() -> bytes:
    return with_manifest_text('"name": "the one you checked"')


@attack(DuplicateKeyError)
def two_digests() -> bytes:
    return with_manifest_text(f'"digest": "{"f" * 64}"')


@attack(DuplicateKeyError)
def two_blocks_of_one_name() -> bytes:
    block = '{"dtype": "F32", "shape": [3], "data_offsets": [0, 12]}'
    return with_table_text(f'"golden/losses": {block}')


@attack(DuplicateKeyError)
def two_metadata() -> bytes:
    return with_table_text('"__metadata__": {}')


@attack(NumberError)
def nan_in_the_manifest() -> bytes:
    return with_manifest_text('"x": NaN')


@attack(NumberError)
def minus_infinity_in_the_manifest() -> bytes:
    return with_manifest_text('"x": -Infinity')


@attack(NumberError)
def a_float_that_overflows_to_infinity() -> bytes:
    return with_manifest_text('"x": 1e999')


@attack(NumberError)
def an_integer_of_half_a_million_digits() -> bytes:
    return with_manifest_text(f'"x": {"9" * 500_000}')


@attack(NumberError)
def an_offset_that_is_nan() -> bytes:
    return with_table_text('"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, NaN]}')


@attack(NestingError)
def ten_thousand_nested_arrays() -> bytes:
    return with_manifest_text(f'"x": {"[" * 10_000}{"]" * 10_000}')


@attack(NestingError)
def ten_thousand_nested_objects_in_the_header() -> bytes:
    depth = 10_000
    return with_table_text('"x": ' + '{"x":' * depth + "0" + "}" * depth)


@attack(NestingError)
def half_a_million_open_brackets() -> bytes:
    return with_table_text('"x": ' + "[" * 500_000)


@forgery(NestingError)
def a_training_record_nested_too_deeply(parts: Parts) -> None:
    value: object = 0
    for _ in range(20):
        value = {"x": value}
    parts.manifest["training"] = value


@attack(MalformedJsonError)
def half_a_million_quotes_that_never_close() -> bytes:
    # A backtracking string pattern would take minutes over this. Nothing may follow: the next
    # quote would close the string.
    parts = tiny_parts()
    return sealed(json.dumps(parts.manifest)[1:], '"x": "' + '\\"' * 250_000, b"")


@attack(MalformedJsonError)
def a_comma_too_many() -> bytes:
    return with_manifest_text('"x": [1,]')


@attack(TextEncodingError)
def a_byte_that_is_not_utf_8() -> bytes:
    parts = tiny_parts()
    text = sealed(json.dumps(parts.manifest)[1:], '"x": "~"}', b"")
    return framed(text[8:].replace(b"~", b"\xff"), b"")


@attack(TextEncodingError)
def a_lone_surrogate_in_the_manifest() -> bytes:
    return with_manifest_text(r'"x": "\ud800"')


@attack(TextEncodingError)
def a_lone_surrogate_in_a_block_name() -> bytes:
    return with_table_text(r'"\udfff": {}')


@attack(TextEncodingError)
def a_surrogate_in_raw_bytes() -> bytes:
    return with_table_text('"\ud800": {}')


@forgery(ControlCharacterError)
def a_name_that_clears_the_terminal(parts: Parts) -> None:
    parts.manifest["name"] = "\x1b[2J\x1b[Hverified"


@forgery(ControlCharacterError)
def a_licence_that_reads_backwards(parts: Parts) -> None:
    parts.manifest["licence"] = "free \u202eesu laicremmoc rof ton"


@forgery(ControlCharacterError)
def a_nul_in_a_tensor_name(parts: Parts) -> None:
    parts.manifest["programs"]["generator"]["tensors"]["w\x00"] = {"kind": "float", "shape": [1]}


@attack(WrongTypeError)
def a_block_that_is_no_object() -> bytes:
    return with_table_text('"x": 1')


@attack(UnknownKeyError)
def a_second_metadata_key() -> bytes:
    parts = tiny_parts()
    data = sealed(json.dumps(parts.manifest)[1:], _table(parts), bytes(parts.data))
    length = int.from_bytes(data[:8], "little")
    header = data[8 : 8 + length].replace(b'}"},', b'}","more":"data"},', 1)
    return framed(header, data[8 + length :])


@attack(TooManyBlocksError)
def five_thousand_blocks() -> bytes:
    return with_table_text(",".join(f'"t{index}":{{}}' for index in range(5000)))


@attack(HeaderTooLargeError)
def two_mebibytes_of_blocks() -> bytes:
    return with_table_text(",".join(f'"t{index}":{{}}' for index in range(200_000)))
