"""Uploaded measurements, read without trusting them."""

from email.message import Message
from http import HTTPStatus
from io import BufferedIOBase

from bitprior_devices.serve.refused import RefusedError
from bitprior_runtime.errors import UsageError
from bitprior_runtime.images import decode_array
from bitprior_runtime.model import check_rows
from bitprior_runtime.recovery import FloatArray

# Measurements of one upload, at most.
MAX_ROWS = 16
# Bytes, whatever the prior's m: of the values, and of what precedes them in a .npy file.
MAX_BYTES = 4 * 2**20
_NPY_HEADER = 1024
_LARGEST_FLOAT = 8


def upload_limit(m: int) -> int:
    """Return the most bytes an upload may have, for measurements of m values."""
    return _NPY_HEADER + min(MAX_BYTES, MAX_ROWS * m * _LARGEST_FLOAT)


def body_size(headers: Message, limit: int) -> int:
    """Return the announced size of a request's body.

    Raises:
        RefusedError: It is not announced, not a number, or above ``limit``.
    """
    announced = headers.get_all("Content-Length") or []
    if "Transfer-Encoding" in headers or len(announced) != 1:
        raise RefusedError(HTTPStatus.LENGTH_REQUIRED, "one Content-Length is needed")
    text = announced[0].strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise RefusedError(HTTPStatus.BAD_REQUEST, "Content-Length is no number of bytes")
    if int(text) > limit:
        raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {limit} bytes")
    return int(text)


def read_measurements(file: BufferedIOBase, size: int, m: int) -> FloatArray:
    """Read a .npy file of measurements.

    Args:
        file: The body.
        size: Its bytes, already checked.
        m: Values of a measurement; a single one may come as [m].

    Returns:
        float32 [B,m], B from 1 to MAX_ROWS.

    Raises:
        UsageError: No .npy file, of another size, or with values that are not finite.
    """
    y = decode_array(file.read(size), "the upload", f"measurements [B,{m}]")
    rows = check_rows("measurements", "m", y[None] if y.ndim == 1 else y, m)
    if len(rows) > MAX_ROWS:
        raise UsageError(f"at most {MAX_ROWS} measurements", f"{len(rows)}", "send fewer at a time")
    return rows
