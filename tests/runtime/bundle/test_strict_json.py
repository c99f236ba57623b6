"""Strict JSON: what passes comes through exactly; what does not has its own error."""

import sys

import pytest

from bitprior_runtime.bundle.errors import (
    ControlCharacterError,
    DuplicateKeyError,
    MalformedJsonError,
    NestingError,
    NumberError,
    TextEncodingError,
)
from bitprior_runtime.bundle.limits import MAX_INTEGER, MAX_NESTING
from bitprior_runtime.bundle.strict_json import dump, parse


@pytest.mark.parametrize(
    "value",
    [
        {},
        [1, 1.0, -0.0, 1e300, True, False, None, 'é 中 \n\t \\ "'],
        {"a": {"b": [[], {}]}, "": "x"},
        MAX_INTEGER,
        -MAX_INTEGER,
        sys.float_info.min,
    ],
)
def test_values_survive_writing_and_parsing_with_their_types(value: object) -> None:
    assert repr(parse(dump(value).encode(), "it")) == repr(value)


def test_nesting_is_counted_outside_strings_only() -> None:
    text = '["[[[[[[[[[[[[[[[[[[[[[[[[[\\"[[[[[[[", "]]"]'
    assert parse(text.encode(), "it") == ['[[[[[[[[[[[[[[[[[[[[[[[[["[[[[[[[', "]]"]


def test_the_deepest_nesting_allowed_is_read_and_one_more_refused() -> None:
    parse(b"[" * MAX_NESTING + b"]" * MAX_NESTING, "it")
    with pytest.raises(NestingError):
        parse(b"[" * (MAX_NESTING + 1) + b"]" * (MAX_NESTING + 1), "it")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"", MalformedJsonError),
        (b"{", MalformedJsonError),
        (b"[1,]", MalformedJsonError),
        (b"{} {}", MalformedJsonError),
        (b"{'a': 1}", MalformedJsonError),
        (b'"a\nb"', MalformedJsonError),
        (b'"\\', MalformedJsonError),
        (b"]", MalformedJsonError),
        (b"\xef\xbb\xbf{}", TextEncodingError),
        (b'"\xff"', TextEncodingError),
        (b'"\\ud800"', TextEncodingError),
        (b'{"\\udfff": 1}', TextEncodingError),
        (b'"\\u0000"', ControlCharacterError),
        (b'"\\u001b[2J"', ControlCharacterError),
        (b'"\\b"', ControlCharacterError),
        (b'"\xc2\x9b"', ControlCharacterError),
        (b'"\xe2\x80\xae"', ControlCharacterError),
        (b'{"a": 1, "a": 1}', DuplicateKeyError),
        (b'[{"a": {"b": 1, "c": 2, "b": 3}}]', DuplicateKeyError),
        (b"NaN", NumberError),
        (b"[Infinity]", NumberError),
        (b"-Infinity", NumberError),
        (b"1e400", NumberError),
        (b"9223372036854775808", NumberError),
        (b"-9223372036854775808", NumberError),
        (b"1" * 100_000, NumberError),
    ],
)
def test_text_that_is_not_strict_json_is_refused(text: bytes, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        parse(text, "it")
    assert type(caught.value) is error


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_json_cannot_hold_are_not_written(value: float) -> None:
    with pytest.raises(ValueError, match="Out of range float"):
        dump(value)
