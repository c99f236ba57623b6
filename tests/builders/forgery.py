"""Take a bundle's file apart, change anything, and put it together as a hostile writer would.

A forged file has the right digest, and the right SHA-256 of every block unless told otherwise: only
the checks behind those can refuse it.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_export.bundle import encode_bundle
from bitprior_runtime.bundle.envelope import BLANK_DIGEST, MAGIC, seal
from builders.bundles import tiny_bundle


@dataclass
class Parts:
    """A bundle's file in pieces, all free to change.

    Attributes:
        manifest: The manifest as JSON, without its digest.
        table: The block table of the safetensors header as JSON.
        data: The bytes behind the header.
    """

    manifest: dict[str, Any]
    table: dict[str, Any]
    data: bytearray

    def place(self, name: str) -> slice:
        """Return where the bytes of a block are in ``data``."""
        return slice(*self.table[name]["data_offsets"])


def take_apart(data: bytes) -> Parts:
    """Return the pieces of a good bundle."""
    length = int.from_bytes(data[:8], "little")
    table = json.loads(data[8 : 8 + length])
    manifest = json.loads(table.pop("__metadata__")["bitprior"])
    del manifest["digest"]
    return Parts(manifest, table, bytearray(data[8 + length :]))


def add_block(parts: Parts, which: str, name: str, values: NDArray[np.float32]) -> None:
    """Add a float tensor to a program."""
    begin, raw = len(parts.data), np.ascontiguousarray(values, np.float32).tobytes()
    parts.data.extend(raw)
    shape = list(values.shape)
    offsets = [begin, begin + len(raw)]
    parts.table[f"{which}/{name}"] = {"dtype": "F32", "shape": shape, "data_offsets": offsets}
    parts.manifest["programs"][which]["tensors"][name] = {"kind": "float", "shape": shape}


def tiny_parts() -> Parts:
    """Return the pieces of the tiny bundle."""
    return take_apart(encode_bundle(tiny_bundle()))


def put_together(parts: Parts, hashed: bool = True) -> bytes:
    """Return a sealed file of ``parts``; with ``hashed``, every block's SHA-256 is made right."""
    manifest = dict(parts.manifest)
    if hashed:
        manifest["sha256"] = {name: _sha256(parts, name) for name in parts.table}
    return sealed(json.dumps(manifest)[1:], json.dumps(parts.table)[1:], bytes(parts.data))


def sealed(manifest: str, table: str, data: bytes) -> bytes:
    """Return a sealed file from JSON texts.

    Args:
        manifest: The manifest's text behind its opening brace and digest, e.g. ``'"bits": 4}'``.
        table: The header's text behind its metadata, e.g. ``'"generator/w": {...}}'``.
        data: The bytes behind the header.
    """
    behind = '"' + manifest if manifest == "}" else '",' + manifest
    inner = json.dumps(behind, ensure_ascii=False)[1:-1]
    rest = table if table == "}" else "," + table
    header = MAGIC + BLANK_DIGEST.encode() + f'{inner}"}}{rest}'.encode("utf-8", "surrogatepass")
    return framed(header, data)


def framed(header: bytes, data: bytes) -> bytes:
    """Return a sealed file from a header, of the right length."""
    return seal(len(header).to_bytes(8, "little") + header + data)


def forged(change: Callable[[Parts], None], hashed: bool = True) -> bytes:
    """Return the tiny bundle after ``change``, sealed again."""
    parts = tiny_parts()
    change(parts)
    return put_together(parts, hashed)


def _sha256(parts: Parts, name: str) -> str:
    try:
        return hashlib.sha256(parts.data[parts.place(name)]).hexdigest()
    except (KeyError, TypeError, ValueError):  # the place itself is forged
        return BLANK_DIGEST
