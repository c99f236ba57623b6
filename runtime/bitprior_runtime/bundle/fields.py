"""Checked access to JSON values: each function returns the value in its type or raises.

``where`` names the value in messages, e.g. ``"solver.steps"``.
"""

import math
import re
from collections.abc import Collection
from typing import TypeVar

from bitprior_runtime.bundle.errors import (
    EXPORT_AGAIN,
    UPGRADE,
    MissingKeyError,
    ShapeError,
    UnknownKeyError,
    UnsafeNameError,
    ValueRangeError,
    WrongTypeError,
    quote,
)
from bitprior_runtime.bundle.limits import (
    MAX_ELEMENTS,
    MAX_NAME_LENGTH,
    MAX_POSITIVE,
    MAX_RANK,
    MAX_TEXT_LENGTH,
    MIN_POSITIVE,
)
from bitprior_runtime.bundle.strict_json import Json
from bitprior_runtime.program import Shape

T = TypeVar("T")

# Segments start with a letter, digit or underscore: no "..", no absolute path, no hidden file.
_SEGMENT = r"[A-Za-z0-9_][A-Za-z0-9_.:+-]*"
_NAME = re.compile(rf"{_SEGMENT}(/{_SEGMENT})*")
_FILE_NAME = re.compile(_SEGMENT)
_SHA256 = re.compile(r"[0-9a-f]{64}")


def record(value: Json, where: str, keys: Collection[str]) -> dict[str, Json]:
    """Return an object that has exactly ``keys``."""
    found = mapping(value, where)
    for key in keys:
        if key not in found:
            raise MissingKeyError(f"the key {key!r} in {where}", "none", EXPORT_AGAIN)
    for key in found:
        if key not in keys:
            raise UnknownKeyError(
                f"in {where} only the keys {', '.join(sorted(keys))}", quote(key), EXPORT_AGAIN
            )
    return found


def mapping(value: Json, where: str) -> dict[str, Json]:
    """Return an object with any keys."""
    return _typed(value, where, dict, "an object")


def array(value: Json, where: str, most: int) -> list[Json]:
    """Return an array of at most ``most`` items."""
    found: list[Json] = _typed(value, where, list, "an array")
    if len(found) > most:
        raise ValueRangeError(f"at most {most} items in {where}", f"{len(found)}", EXPORT_AGAIN)
    return found


def integer(value: Json, where: str, least: int, most: int) -> int:
    """Return an integer in least..most; true and 1.0 are none."""
    found = _typed(value, where, int, "an integer")
    if not least <= found <= most:
        raise ValueRangeError(f"{where} in {least}..{most}", f"{found}", EXPORT_AGAIN)
    return found


def positive(
    value: Json, where: str, least: float = MIN_POSITIVE, most: float = MAX_POSITIVE
) -> float:
    """Return a number in least..most, above zero; it must be written as a float (1.0, not 1)."""
    found = _typed(value, where, float, "a float")
    if not (found > 0 and math.isfinite(found)):
        raise ValueRangeError(f"{where} finite and above zero", f"{found}", EXPORT_AGAIN)
    if not least <= found <= most:
        raise ValueRangeError(f"{where} in {least:.3g}..{most:.3g}", f"{found}", EXPORT_AGAIN)
    return found


def text(value: Json, where: str, most: int = MAX_TEXT_LENGTH) -> str:
    """Return a string of at most ``most`` characters."""
    found = _typed(value, where, str, "a string")
    if len(found) > most:
        raise ValueRangeError(
            f"at most {most} characters in {where}", f"{len(found)}", EXPORT_AGAIN
        )
    return found


def name(value: Json, where: str) -> str:
    """Return the name of a tensor, op or kind: segments of letters, digits and _.:+- ."""
    return _matching(value, where, _NAME, "a name such as 'fc0.weight' or 'block1/conv'")


def file_name(value: Json, where: str) -> str:
    """Return a plain file name without folders."""
    return _matching(value, where, _FILE_NAME, "a plain file name")


def sha256(value: Json, where: str) -> str:
    """Return a SHA-256 as 64 lowercase hexadecimal digits."""
    found = _typed(value, where, str, "a string")
    if not _SHA256.fullmatch(found):
        raise ValueRangeError(
            f"64 lowercase hexadecimal digits in {where}", quote(found), EXPORT_AGAIN
        )
    return found


def choice(value: Json, where: str, options: Collection[T]) -> T:
    """Return the one of ``options`` that the string is."""
    found = _typed(value, where, str, "a string")
    for option in options:
        if option == found:
            return option
    raise ValueRangeError(f"{where} among: {', '.join(map(str, options))}", quote(found), UPGRADE)


def shape(value: Json, where: str) -> Shape:
    """Return a shape: rank <= MAX_RANK, sizes >= 1, at most MAX_ELEMENTS values in all."""
    sizes = _typed(value, where, list, "an array")
    if len(sizes) > MAX_RANK:
        raise ShapeError(f"{where} of rank <= {MAX_RANK}", f"rank {len(sizes)}", EXPORT_AGAIN)
    found = tuple(_typed(size, where, int, "integers") for size in sizes)
    if any(size < 1 for size in found) or math.prod(found) > MAX_ELEMENTS:
        raise ShapeError(
            f"{where} with sizes >= 1 and at most {MAX_ELEMENTS} values", quote(found), EXPORT_AGAIN
        )
    return found


def _typed(value: Json, where: str, kind: type[T], wanted: str) -> T:
    # Not isinstance: a bool is an int to Python, and to nobody else.
    if type(value) is not kind:
        raise WrongTypeError(
            f"{wanted} in {where}", f"{type(value).__name__} {quote(value)}", EXPORT_AGAIN
        )
    return value


def _matching(value: Json, where: str, pattern: re.Pattern[str], wanted: str) -> str:
    found = _typed(value, where, str, "a string")
    if len(found) > MAX_NAME_LENGTH or not pattern.fullmatch(found):
        raise UnsafeNameError(
            f"{wanted} of at most {MAX_NAME_LENGTH} characters in {where}",
            quote(found),
            EXPORT_AGAIN,
        )
    return found
