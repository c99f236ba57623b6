"""Attacks on the outside of the file: lengths, magic, digest, versions."""

from attacks.registry import attack, forgery
from bitprior_export.bundle import encode_bundle
from bitprior_runtime.bundle.envelope import MAGIC, seal
from bitprior_runtime.bundle.errors import (
    DigestError,
    EmptyBundleError,
    ForeignBundleError,
    HeaderTooLargeError,
    MalformedJsonError,
    MissingKeyError,
    NewerMajorError,
    NewerMinorError,
    OlderMajorError,
    TruncatedBundleError,
    ValueRangeError,
)
from builders.bundles import tiny_bundle
from builders.forgery import Parts


def good() -> bytes:
    """Return a good bundle."""
    return encode_bundle(tiny_bundle())


def with_length(length: int) -> bytes:
    """Return a good bundle but for the length of its header."""
    return seal(length.to_bytes(8, "little") + good()[8:])


@attack(EmptyBundleError)
def an_empty_file() -> bytes:
    return b""


@attack(TruncatedBundleError)
def seven_bytes() -> bytes:
    return good()[:7]


@attack(TruncatedBundleError)
def a_length_and_nothing_else() -> bytes:
    return good()[:8]


@attack(TruncatedBundleError)
def half_a_magic() -> bytes:
    return good()[: 8 + len(MAGIC) // 2]


@attack(ForeignBundleError)
def a_zip_archive() -> bytes:
    return b"PK\x03\x04" + bytes(200)


@attack(ForeignBundleError)
def a_python_pickle() -> bytes:
    return b"\x80\x04\x95\x1e" + bytes(7) + b"\x8c\x05posix\x94\x8c\x06system\x94\x93\x94."


@attack(ForeignBundleError)
def safetensors_of_another_program() -> bytes:
    header = b'{"__metadata__":{"format":"pt"}}'
    return len(header).to_bytes(8, "little") + header


@attack(ForeignBundleError)
def a_header_without_its_brace() -> bytes:
    data = good()
    return data[:8] + b"[" + data[9:]


@attack(ForeignBundleError)
def a_byte_order_mark_before_the_header() -> bytes:
    data = good()
    return data[:8] + b"\xef\xbb\xbf" + data[8:]


@attack(TruncatedBundleError)
def a_header_longer_than_the_file() -> bytes:
    return with_length(len(good()))


@attack(HeaderTooLargeError)
def a_header_of_2_to_the_63_bytes() -> bytes:
    return with_length(2**63)


@attack(HeaderTooLargeError)
def a_header_of_2_to_the_64_minus_1_bytes() -> bytes:
    return with_length(2**64 - 1)


@attack(HeaderTooLargeError)
def the_header_length_of_ten_million_tensors() -> bytes:
    return with_length(600_000_000)


@attack(MalformedJsonError)
def a_header_of_length_zero() -> bytes:
    return with_length(0)


@attack(MalformedJsonError)
def a_header_one_byte_short() -> bytes:
    length = int.from_bytes(good()[:8], "little")
    # Its padding gives way first: cut into the JSON.
    return with_length(length - 8)


@attack(DigestError)
def one_weight_changed() -> bytes:
    data = bytearray(good())
    data[-1] ^= 1
    return bytes(data)


@attack(DigestError)
def a_digest_of_zeros() -> bytes:
    data = good()
    return data[: 8 + len(MAGIC)] + b"0" * 64 + data[8 + len(MAGIC) + 64 :]


@attack(DigestError)
def a_right_digest_in_capitals() -> bytes:
    data = good()
    start, stop = 8 + len(MAGIC), 8 + len(MAGIC) + 64
    return data[:start] + data[start:stop].upper() + data[stop:]


@attack(DigestError)
def bytes_appended() -> bytes:
    return good() + b"PK\x03\x04"


@attack(TruncatedBundleError)
def the_last_byte_missing() -> bytes:
    return good()[:-1]


@forgery(NewerMajorError)
def a_newer_major_version(parts: Parts) -> None:
    parts.manifest["format"] = "2.0"


@attack(NewerMajorError)
def a_newer_major_version_with_another_digest() -> bytes:
    # A later version may seal its files in another way; its user must still be told to upgrade.
    return good().replace(rb"\"format\":\"1.4\"", rb"\"format\":\"9.0\"")


@forgery(NewerMinorError)
def a_newer_minor_version(parts: Parts) -> None:
    parts.manifest["format"] = "1.5"


@forgery(OlderMajorError)
def an_older_major_version(parts: Parts) -> None:
    parts.manifest["format"] = "0.9"


@forgery(ValueRangeError)
def a_version_that_is_none(parts: Parts) -> None:
    parts.manifest["format"] = "1.0; rm"


@forgery(MissingKeyError)
def no_version_at_all(parts: Parts) -> None:
    del parts.manifest["format"]
