"""The outside of the file: how it begins, and the digest over all of it.

A bundle is a safetensors file: 8 bytes with the header's length n (little-endian), n bytes of
JSON, tensor data. Its metadata has the one key "bitprior", and the manifest in it starts with the
digest; so the header of every bundle begins with the same bytes, MAGIC, and then the digest.
"""

import hashlib

from bitprior_runtime.bundle.errors import (
    FETCH_AGAIN,
    DigestError,
    EmptyBundleError,
    ForeignBundleError,
    HeaderTooLargeError,
    TruncatedBundleError,
    quote,
)
from bitprior_runtime.bundle.limits import MAX_HEADER_BYTES

LENGTH_BYTES = 8
MAGIC = b'{"__metadata__":{"bitprior":"{\\"digest\\":\\"'
BLANK_DIGEST = "0" * 64
_START = LENGTH_BYTES + len(MAGIC)
_STOP = _START + len(BLANK_DIGEST)


def read_header(data: bytes) -> bytes:
    """Return the JSON header of a bundle.

    Raises:
        EmptyBundleError: No bytes.
        ForeignBundleError: It does not begin as a bundle does.
        HeaderTooLargeError: The header's length is over MAX_HEADER_BYTES.
        TruncatedBundleError: The file ends within the header.
    """
    if not data:
        raise EmptyBundleError("a bitprior bundle", "an empty file", FETCH_AGAIN)
    start = data[LENGTH_BYTES:_START]
    if not MAGIC.startswith(start):
        raise ForeignBundleError(
            "a bitprior bundle (*.bitprior)",
            f"a file that begins with {quote(data[:16])}",
            "check the file name; bitprior export writes bundles",
        )
    length = int.from_bytes(data[:LENGTH_BYTES], "little")
    if length > MAX_HEADER_BYTES and start:
        raise HeaderTooLargeError(
            f"a header of at most {MAX_HEADER_BYTES} bytes", f"{length}", FETCH_AGAIN
        )
    needed = max(LENGTH_BYTES + length, _STOP) if start else _STOP
    if len(data) < needed:
        raise TruncatedBundleError(
            f"a bundle of more than {needed} bytes", f"a file of {len(data)} bytes", FETCH_AGAIN
        )
    return data[LENGTH_BYTES : LENGTH_BYTES + length]


def digest_of(data: bytes) -> str:
    """Return the SHA-256 of a bundle whose digest digits are read as zeros."""
    view = memoryview(data)
    digest = hashlib.sha256(view[:_START])
    digest.update(BLANK_DIGEST.encode())
    digest.update(view[_STOP:])
    return digest.hexdigest()


def seal(data: bytes) -> bytes:
    """Return the bundle with its digest in place."""
    return data[:_START] + digest_of(data).encode() + data[_STOP:]


def check_digest(data: bytes) -> None:
    """Check the digest of a bundle; its digits are lowercase.

    Raises:
        DigestError: A bit of the file is not what it was.
    """
    claimed, actual = data[_START:_STOP], digest_of(data)
    if claimed != actual.encode():
        raise DigestError(
            f"SHA-256 {actual[:16]}... by the file's content",
            f"{quote(claimed[:16])}... in its header: it is damaged",
            FETCH_AGAIN,
        )
