"""Hypothesis strategies: structured damage to a bundle's bytes and to its header's JSON."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any, TypeAlias

from hypothesis import strategies as st

from builders.forgery import Parts, put_together, take_apart

Edit: TypeAlias = Callable[[bytes], bytes]

_places = st.integers(0, 2**16)
_lengths = st.one_of(st.integers(0, 16), st.integers(0, 4096))
_chunks = st.one_of(
    st.binary(min_size=1, max_size=16),
    st.sampled_from([b"\0", b"\xff" * 8, b'"', b"{", b"}", b"[" * 40, b"]", b",", b"\\", b"-1"]),
    st.sampled_from([b"1e999", b"NaN", b"true", b"null", b"\\u0000", b"\xed\xa0\x80", b"9" * 30]),
)
_header_lengths = st.one_of(
    st.integers(0, 2**14),
    st.integers(0, 2**64 - 1),
    st.sampled_from([0, 1, 7, 8, 2**20, 2**20 + 1, 2**31, 2**32, 2**63, 2**64 - 1]),
)


def _overwrite(place: int, chunk: bytes) -> Edit:
    return lambda data: data[:place] + chunk + data[place + len(chunk) :]


def _insert(place: int, chunk: bytes) -> Edit:
    return lambda data: data[:place] + chunk + data[place:]


def _delete(place: int, length: int) -> Edit:
    return lambda data: data[:place] + data[place + length :]


def _copy(source: int, target: int, length: int) -> Edit:
    def splice(data: bytes) -> bytes:
        return data[:target] + data[source : source + length] + data[target:]

    return splice


def _zero(place: int, length: int) -> Edit:
    return lambda data: data[:place] + bytes(length) + data[place + length :]


def _set_header_length(length: int) -> Edit:
    return lambda data: length.to_bytes(8, "little") + data[8:]


def _within(edit: Callable[..., Edit], *places: int) -> Callable[..., Edit]:
    """Wrap an edit so that the arguments at ``places`` fall inside the file."""

    def build(*arguments: Any) -> Edit:
        def apply(data: bytes) -> bytes:
            inside = [
                value % (len(data) + 1) if index in places else value
                for index, value in enumerate(arguments)
            ]
            return edit(*inside)(data)

        return apply

    return build


# Lists of edits to the bytes of a file.
byte_edits = st.lists(
    st.one_of(
        st.builds(_within(_overwrite, 0), _places, _chunks),
        st.builds(_within(_insert, 0), _places, _chunks),
        st.builds(_within(_delete, 0), _places, _lengths),
        st.builds(_within(_copy, 0, 1), _places, _places, _lengths),
        st.builds(_within(_zero, 0), _places, _lengths),
        st.builds(_set_header_length, _header_lengths),
    ),
    min_size=1,
    max_size=4,
)

_hostile = st.sampled_from(
    [
        None, True, False, 0, 1, -1, 2, 3, 5, 9, 33, 2**31, 2**53, 2**63, 2**64, 10**30,
        0.0, -0.0, 0.5, 1.0, -1.0, 1e-300, 1e300, float("nan"), float("inf"),
        "", "x", "z", "y", "half", "codes", "float", "F32", "U8", "wide", "narrow", "mid-rise",
        "binary", "Relu", "Gemm", "Reshape", "MatMul", "Mul", "Flatten", "../x", "/etc/passwd",
        "a\0b", "\ud800", "\x1b[2J", "x" * 300, "1.0", "2.0", "0" * 64,
        [], [0], [1], [6], [-1], [3, 4], [6, 4], [2**31, 2**31], [1, 2, 3], [[]], [0, 2**40],
        {}, {"kind": "float", "shape": [1]}, {"": 0},
    ]
)  # fmt: skip
_json = st.one_of(
    _hostile,
    st.integers(-8, 64),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)
        ),
        max_leaves=6,
    ),
)

# Changes copy what they put anywhere: an aliased value could come to hold itself, and a tree that
# holds itself is walked for ever.
Place: TypeAlias = tuple[Any, Any]
Change: TypeAlias = Callable[[list[Place], int, int, Any], None]


def _replace(places: list[Place], here: int, there: int, value: Any) -> None:
    container, key = places[here]
    container[key] = deepcopy(value)


def _remove(places: list[Place], here: int, there: int, value: Any) -> None:
    container, key = places[here]
    del container[key]


def _exchange(places: list[Place], here: int, there: int, value: Any) -> None:
    (one, key), (other, other_key) = places[here], places[there]
    one[key], other[other_key] = deepcopy(other[other_key]), deepcopy(one[key])


def _repeat(places: list[Place], here: int, there: int, value: Any) -> None:
    container, key = places[here]
    if isinstance(container, list):
        container.insert(key, deepcopy(container[key]))
    else:
        container[f"{key}2"] = deepcopy(container[key])


def _rename(places: list[Place], here: int, there: int, value: Any) -> None:
    container, key = places[here]
    if isinstance(container, dict) and isinstance(value, str):
        container[value] = container.pop(key)


def _nudge(places: list[Place], here: int, there: int, value: Any) -> None:
    container, key = places[here]
    if type(container[key]) in (int, float):
        container[key] += there % 5 - 2


_changes: st.SearchStrategy[Change] = st.sampled_from(
    [_replace, _replace, _remove, _exchange, _repeat, _rename, _nudge]
)

# Lists of (what to do, where, where else, with what) for the header's JSON.
json_edits = st.lists(st.tuples(_changes, _places, _places, _json), min_size=1, max_size=3)


def with_json_edits(data: bytes, edits: list[tuple[Change, int, int, Any]]) -> bytes:
    """Return a sealed file after changes to its manifest and block table."""
    parts = take_apart(data)
    for change, here, there, value in edits:
        places = _all_places(parts)
        change(places, here % len(places), there % len(places), value)
        if not isinstance(parts.table, dict):
            break
    return put_together(parts)


def _all_places(parts: Parts) -> list[Place]:
    """Return (container, key) of every value in the manifest and the table."""
    places: list[Place] = []
    queue: list[Any] = [parts.manifest, parts.table]
    while queue:
        container = queue.pop()
        keys = range(len(container)) if isinstance(container, list) else list(container)
        for key in keys:
            places.append((container, key))
            if isinstance(container[key], dict | list):
                queue.append(container[key])
    return places
