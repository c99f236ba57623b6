"""Lists of rows: which measurements of an operator are taken, and in which order."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError


def check_indices(indices: NDArray[Any], count: int, what: str, once: bool = False) -> NDArray[Any]:
    """Return row numbers as int64 [k]; a mask of booleans [count] is turned into them.

    Args:
        indices: Whole numbers from 0 to count - 1, of any shape, read row by row; or a mask.
        count: How many rows there are.
        what: What they number, for messages.
        once: Whether none may be there twice.

    Raises:
        UsageError: Not such numbers, none at all, one out of range, or one twice.
    """
    found = np.asarray(indices)
    if found.dtype.kind == "b" and found.size == count:
        found = np.flatnonzero(found)
    expected = f"numbers of {what}, 0 to {count - 1}"
    if found.dtype.kind not in "iu" and not (found.dtype.kind == "f" and _whole(found)):
        todo = "give whole numbers from 0, or a mask of booleans"
        raise UsageError(expected, f"dtype {found.dtype}, shape {found.shape}", todo)
    found = found.reshape(-1).astype(np.int64)
    if found.size == 0:
        raise UsageError(f"at least one of the {what}", "none", "name some")
    if found.min() < 0 or found.max() >= count:
        which = f"{found.min()} to {found.max()}"
        raise UsageError(expected, which, "count from 0, and check the frame")
    if once and len(np.unique(found)) != len(found):
        twice = len(found) - len(np.unique(found))
        raise UsageError(f"each of the {what} once", f"{twice} repeated", "leave repetitions out")
    return found


def _whole(values: NDArray[Any]) -> bool:
    return bool(np.isfinite(values).all() and (values == np.rint(values)).all())
