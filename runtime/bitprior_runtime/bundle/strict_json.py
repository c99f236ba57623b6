"""JSON without its freedoms: one file must mean one thing to every reader."""

import json
import math
import re
from collections import Counter
from typing import Any, TypeAlias

import numpy as np

from bitprior_runtime.bundle.errors import (
    EXPORT_AGAIN,
    ControlCharacterError,
    DuplicateKeyError,
    MalformedJsonError,
    NestingError,
    NumberError,
    TextEncodingError,
    quote,
)
from bitprior_runtime.bundle.limits import MAX_INTEGER, MAX_NESTING

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

# Possessive, and content with an unclosed string, so that no text makes it backtrack.
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
# Surrogates; C0 and C1 controls but tab and newline; characters that turn the reading direction.
_UNSAFE = re.compile(
    "[\ud800-\udfff\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
# What a character does to the nesting depth.
_STEPS = np.zeros(256, dtype=np.int8)
_STEPS[list(b"[{")], _STEPS[list(b"]}")] = 1, -1


def parse(data: bytes, where: str) -> Json:
    """Parse JSON strictly.

    Args:
        data: UTF-8 text whose length was already checked.
        where: What it is, for messages, e.g. ``"the manifest"``.

    Raises:
        JsonError: One of its subclasses: not UTF-8, nested deeper than MAX_NESTING, not JSON,
            a key twice, a number that is NaN, infinite or beyond 64 bits, or a text with
            surrogates or control characters.
    """
    text = _decode(data, where)
    _check_nesting(text, where)
    try:
        value: Json = json.loads(
            text,
            object_pairs_hook=lambda pairs: _object(pairs, where),
            parse_int=lambda digits: _integer(digits, where),
            parse_float=lambda digits: _float(digits, where),
            parse_constant=lambda name: _refuse_number(name, where),
        )
    except ValueError as error:
        raise MalformedJsonError(f"{where} in JSON", str(error), EXPORT_AGAIN) from error
    _check_texts(value, where)
    return value


def dump(value: Json) -> str:
    """Write compact JSON with the keys in the order they have.

    Raises:
        TypeError: A value is no JSON.
        ValueError: A number is NaN or infinite.
    """
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def _decode(data: bytes, where: str) -> str:
    if data.startswith(b"\xef\xbb\xbf"):
        raise TextEncodingError(
            f"{where} to start with '{{'", "a UTF-8 byte order mark", EXPORT_AGAIN
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise TextEncodingError(
            f"{where} in UTF-8", f"byte {error.object[error.start]:#04x}", EXPORT_AGAIN
        ) from error


def _check_nesting(text: str, where: str) -> None:
    # Before parsing: Python's JSON parser recurses, and so would everything behind it.
    marks = np.frombuffer(_STRING.sub("", text).encode(), dtype=np.uint8)
    depth = int(np.cumsum(_STEPS[marks], dtype=np.int32).max(initial=0))
    if depth > MAX_NESTING:
        raise NestingError(f"{where} nested at most {MAX_NESTING} deep", f"{depth}", EXPORT_AGAIN)


def _object(pairs: list[tuple[str, Json]], where: str) -> dict[str, Json]:
    value = dict(pairs)
    if len(value) != len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise DuplicateKeyError(f"every key of {where} once", f"{quote(twice)} twice", EXPORT_AGAIN)
    return value


def _integer(digits: str, where: str) -> int:
    # Length first: converting a long run of digits takes quadratic time.
    if len(digits) > 20 or abs(int(digits)) > MAX_INTEGER:
        raise _number_error(f"integers of {where} within 64 bits", digits)
    return int(digits)


def _float(digits: str, where: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise _number_error(f"finite numbers in {where}", digits)
    return value


def _refuse_number(name: str, where: str) -> Any:
    raise _number_error(f"finite numbers in {where}", name)


def _number_error(expected: str, digits: str) -> NumberError:
    return NumberError(expected, quote(digits), EXPORT_AGAIN)


def _check_texts(value: Json, where: str) -> None:
    if isinstance(value, str):
        _check_text(value, where)
    elif isinstance(value, list):
        for item in value:
            _check_texts(item, where)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_text(key, where)
            _check_texts(item, where)


def _check_text(text: str, where: str) -> None:
    found = _UNSAFE.search(text)
    if not found:
        return
    if "\ud800" <= found[0] <= "\udfff":
        raise TextEncodingError(f"texts of {where} in Unicode", "a lone surrogate", EXPORT_AGAIN)
    raise ControlCharacterError(
        f"texts of {where} without control characters", quote(found[0]), EXPORT_AGAIN
    )
