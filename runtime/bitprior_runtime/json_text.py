"""JSON that every reader takes: NaN and infinity, which JSON has not, are null."""

import json
import math
from typing import Any


def to_json(value: Any, indent: int | None = None) -> str:
    """Return a value as JSON text.

    Args:
        value: Objects, arrays, strings, numbers, true, false and null, nested.
        indent: Spaces a level; None: one line.
    """
    try:
        return json.dumps(value, allow_nan=False, indent=indent)
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False, indent=indent)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
