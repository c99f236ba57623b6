"""Files of arrays: strange values, and headers that say what is not so."""

import io
import random
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDES = (0, 1, -1, 2, 3, 64, 70, 1000, 2**20, 2**31, 2**33, 2**62, 2**63, 2**64, -(2**63), 10**30)
DTYPES = ("<f4", ">f4", "<f8", "<f2", "<f16", "<i8", "|b1", "<c8", "<c16", "|O", "|V4", "|V0",
          "<U3", "|S3", "<U0", "<M8[s]", "<m8[ns]", "f4", "float32", "<f4,<f4", "|u1", "nonsense",
          "<f3", "<f99999999999")  # fmt: skip
VALUES = (np.nan, np.inf, -np.inf, 3e38, -3e38, 1e300, 1e-45, 1e-38, -0.0, 1e20)
HEADERS = (
    "{}", "[]", "None", "", "{'descr': '<f4'}", "{" * 200, "(" * 5000, "9" * 5000, "\x00" * 64,
    "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), 'extra': 1}",
    "{'descr': '<f4', 'fortran_order': 7, 'shape': (3,)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': 3}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (1.5,)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (True, 3)}",
    "{'descr': [('a', '<f4'), ('b', '|O')], 'fortran_order': False, 'shape': (3,)}",
    "{'descr': ('<f4', (2, 2)), 'fortran_order': False, 'shape': (3,)}",
    "{'descr': [], 'fortran_order': False, 'shape': (3,)}",
    "{'descr': '\\ud800', 'fortran_order': False, 'shape': (3,)}",
)  # fmt: skip


def strange_values(rng: random.Random, shape: Sequence[int]) -> NDArray[Any]:
    """Return an array of about that shape: of another type, with extreme values, or as asked."""
    sizes = [max(0, size) for size in shape]
    if sizes and rng.random() < 0.3:
        place = rng.randrange(len(sizes))
        sizes[place] = max(0, min(sizes[place] + rng.choice((-1, 1, 2)), 2 * sizes[place] + 2))
    if rng.random() < 0.1:
        sizes = rng.choice(([], [1, *sizes], sizes[:-1], [*sizes, 1], [1] * 32))
    values = np.asarray(np.random.default_rng(rng.randrange(2**32)).standard_normal(sizes))
    if values.size and rng.random() < 0.5:
        flat, value = values.reshape(-1), rng.choice(VALUES)
        if rng.random() < 0.3:
            flat[:] = value
        else:
            flat[rng.randrange(flat.size)] = value
    with np.errstate(all="ignore"):
        return values.astype(rng.choice(("<f4",) * 16 + (">f4", "f8", "f2", "i8", "?",
                                                     "c8", "u1", "longdouble")))  # fmt: skip


def npy(values: NDArray[Any], rng: random.Random) -> bytes:
    """Return a .npy file of the values, whole or not."""
    file = io.BytesIO()
    order = np.asfortranarray(values) if values.ndim > 1 and rng.random() < 0.2 else values
    np.save(file, order, allow_pickle=False)
    data = file.getvalue()
    change = rng.random()
    if change < 0.75:
        return data
    if change < 0.85:
        return forged(rng, data[-values.nbytes :] if values.nbytes else b"")
    if change < 0.9:
        return data[: rng.randrange(len(data))]
    if change < 0.95:
        return data + rng.randbytes(rng.choice((1, 4, 4096)))
    place = rng.randrange(min(len(data), 128))
    return data[:place] + rng.randbytes(rng.randint(1, 4)) + data[place + rng.randrange(6) :]


def forged(rng: random.Random, body: bytes) -> bytes:
    """Return a .npy file whose header is made by hand."""
    axes = rng.choice((0, 1, 2, 2, 2, 3, 4, 33, 65, 70))
    shape = tuple(rng.choice((*SIDES, 1, 1, 1)) for _ in range(axes))
    if axes > 8 or rng.random() < 0.3:
        shape = (1,) * axes
    order = rng.choice((True, False))
    header = f"{{'descr': {rng.choice(DTYPES)!r}, 'fortran_order': {order}, 'shape': {shape}, }}"
    if rng.random() < 0.3:
        header = rng.choice(HEADERS)
    text = header.encode("utf-8", "surrogatepass") + b"\n"
    version = rng.choice(((1, 0), (1, 0), (2, 0), (3, 0), (4, 0), (0, 0), (255, 255)))
    width = 2 if version[0] == 1 else 4
    length = rng.choice((len(text),) * 4 + (0, len(text) + 1, 2 ** (8 * width) - 1))
    magic = b"\x93NUMPY" + bytes(version)
    return magic + (length % 2 ** (8 * width)).to_bytes(width, "little") + text + body


def npz(arrays: dict[str, bytes], rng: random.Random) -> bytes:
    """Return an archive of .npy files, whole or not."""
    file = io.BytesIO()
    usual = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    method = rng.choice((*usual, *usual, *usual, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2))
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in arrays.items():
            archive.writestr(f"{name}.npy", data)
    data = file.getvalue()
    if rng.random() < 0.75:
        return data
    if rng.random() < 0.2:
        return data[: rng.randrange(len(data))]
    # The directory at the end says more than the values.
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        changed[rng.choice((rng.randrange(len(data)), -1 - rng.randrange(min(len(data), 300))))] = (
            rng.randrange(256)
        )
    return bytes(changed)
