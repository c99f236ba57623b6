"""What the metadata of SPAS say of an acquisition: the patterns in the order they were shown."""

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError
from bitprior_runtime.files import read_bytes

SPECTRA = "_spectraldata.npz"
METADATA = "_metadata.json"
_MAX_BYTES = 2**27


def pattern_order(spectra: str | os.PathLike[str]) -> NDArray[np.int64]:
    """Return the numbers of the patterns in the order of time, [m].

    Metadata number positive and negative patterns apart: 2 k shows pattern k, 2 k + 1 its
    negative, one after the other. Numbers count two-dimensional Walsh patterns row by row: order
    ``sequency-rows`` of the operator ``hadamard``.

    Args:
        spectra: The file ``*_spectraldata.npz``; ``*_metadata.json`` lies beside it.

    Raises:
        MissingFileError: There are no metadata.
        UsageError: Metadata of another form, or patterns that are not pairs.
    """
    path = Path(os.fspath(spectra)[: -len(SPECTRA)] + METADATA)
    name = str(path)
    try:
        parts = json.loads(read_bytes(path, _MAX_BYTES))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"JSON in {name}", "something else", "copy the file again") from error
    numbers = _numbers(_listed(parts, name), name)
    positive, negative = numbers[0::2], numbers[1::2]
    paired = len(positive) == len(negative) and bool((positive + 1 == negative).all())
    if not paired or (positive % 2).any():
        expected = f"patterns 2 k and 2 k + 1 one after the other in {name}"
        raise UsageError(expected, "another order", "give the operator's rows yourself")
    return positive // 2


def _listed(parts: Any, name: str) -> Any:
    for part in parts if isinstance(parts, list) else [parts]:
        if isinstance(part, dict) and "patterns" in part:
            return part["patterns"]
    raise UsageError(f"acquisition parameters with 'patterns' in {name}", "none", "check the file")


def _numbers(given: Any, name: str) -> NDArray[np.int64]:
    """Return a list of whole numbers, which SPAS also writes as text, e.g. ``[0, np.int32(1)]``."""
    if isinstance(given, str):
        given = [int(n) for n in re.findall(r"(?<![\w.])-?\d+", given)]
    whole = isinstance(given, list) and all(type(n) is int for n in given)
    if not whole or not given:
        raise UsageError(f"numbers of patterns in {name}", f"{given!r}"[:60], "check the file")
    return np.abs(np.array(given, dtype=np.int64))
