"""Stacks of patterns in every form that they come in."""

from pathlib import Path

import numpy as np
import pytest

from bitprior_runtime.errors import MissingFileError, UsageError
from bitprior_runtime.sensing import Patterns, parse_operator
from bitprior_runtime.sensing import patterns as module
from builders.operators import as_matrix, check_adjoint, dense

FRAME, M = (5, 7), 50
RANDOM = np.random.default_rng(0)
BITS = RANDOM.integers(0, 2, (M, 35), dtype=np.uint8)
FORMS = {
    "bits": (BITS, None),
    "booleans": (BITS.astype(bool), None),
    "signs": (2.0 * BITS - 1, None),
    "bytes": (RANDOM.integers(0, 256, (M, 35), dtype=np.uint8), None),
    "negative bytes": (RANDOM.integers(-128, 128, (M, 35)).astype(np.int8), None),
    "gray": (RANDOM.random((M, 35)), None),
    "16 bits": (RANDOM.integers(0, 65536, (M, 35), dtype=np.uint16), None),
    "images": (RANDOM.random((M, *FRAME)).astype(np.float32), None),
    "packed": (BITS, "01"),
    "packed signs": (BITS, "pm"),
    "a row of zeros": (BITS * (np.arange(M)[:, np.newaxis] != 3), None),
}
all_forms = pytest.mark.parametrize("form", FORMS)


def made(form: str) -> tuple[Patterns, np.ndarray]:
    rows, packed = FORMS[form]
    wanted = rows.reshape(M, -1).astype(np.float64)
    if packed is None:
        return Patterns(rows, FRAME), wanted
    if packed == "pm":
        wanted = 2 * wanted - 1
    return Patterns(np.packbits(rows, axis=1), FRAME, packed), wanted


@all_forms
@pytest.mark.parametrize(("chunk", "small"), [(2**22, 2**22), (200, 0)])
def test_readings_and_adjoint_are_those_of_the_matrix(
    form: str, chunk: int, small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CHUNK", chunk)
    monkeypatch.setattr(module, "_SMALL", small)
    operator, wanted = made(form)
    np.testing.assert_allclose(dense(operator), wanted, rtol=1e-6)
    as_matrix(operator, RANDOM.random((2, 3, *FRAME)), wanted)
    check_adjoint(operator)


@all_forms
def test_some_of_the_rows_are_an_operator_too(form: str) -> None:
    operator, wanted = made(form)
    np.testing.assert_allclose(dense(operator.taken(np.array([7, 0, 7]))), wanted[[7, 0, 7]])


def test_large_stacks_of_two_values_are_kept_as_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SMALL", 100)
    assert Patterns(2.0 * BITS - 1, FRAME).nbytes == M * 5
    assert Patterns(BITS.astype(float), FRAME).nbytes == M * 5
    assert Patterns(BITS * 2.0, FRAME).nbytes == M * 35 * 4


def test_what_fills_the_last_byte_means_nothing() -> None:
    packed = np.packbits(BITS, axis=1)
    filled = packed | np.array([0, 0, 0, 0, 0x1F], np.uint8)
    assert Patterns(packed, FRAME, "01").digest == Patterns(filled, FRAME, "01").digest
    assert Patterns(packed, FRAME, "01").digest != Patterns(packed, FRAME, "pm").digest


def test_texts_name_a_file_its_frame_and_what_bits_mean(tmp_path: Path) -> None:
    images = BITS.reshape(M, *FRAME)
    np.savez(tmp_path / "p.npz", images=images, packed=np.packbits(BITS, axis=1), rows=BITS)
    np.save(tmp_path / "taken.npy", np.arange(M) % 3 == 0)
    name = f"patterns:{tmp_path}/p.npz"
    for text, frame in (
        (f"{name}#images", None),
        (f"{name}#rows,frame=5x7", None),
        (f"{name}#rows", FRAME),
        (f"{name}#packed,frame=5x7,packed=01", FRAME),
    ):
        np.testing.assert_array_equal(dense(parse_operator(text, frame)), BITS)
    signs = parse_operator(f"{name}#packed,packed=pm", FRAME)
    np.testing.assert_array_equal(dense(signs), 2.0 * BITS - 1)
    some = parse_operator(f"{name}#images,rows={tmp_path}/taken.npy")
    np.testing.assert_array_equal(dense(some), BITS[::3])


BAD_STACKS = {
    "complex": (BITS * 1j, FRAME, None, "imaginary"),
    "text": (np.full((3, 35), "a"), FRAME, None, "<U1"),
    "NaN": (np.where(np.eye(M, 35), np.nan, 1), FRAME, None, "35 of 50"),
    "beyond float32": (1e300 * np.ones((2, 35)), FRAME, None, "Inf"),
    "all zero": (0 * BITS, FRAME, None, "all zeros"),
    "another frame": (BITS.reshape(M, 5, 7), (7, 5), None, "patterns of 5x7"),
    "no frame": (BITS, None, None, "no frame"),
    "other pixels": (BITS, (6, 6), None, "[m,36]"),
    "none": (BITS[:0], FRAME, None, "[m,35]"),
    "bits of other pixels": (np.packbits(BITS, axis=1), (7, 7), "01", "[m,7]"),
    "bits that are no bytes": (BITS[:, :5].astype(int), FRAME, "01", "int64"),
    "bits without saying so": (np.packbits(BITS, axis=1), FRAME, None, "packed=01"),
    "bits of another meaning": (np.packbits(BITS, axis=1), FRAME, "10", "'10'"),
}


@pytest.mark.parametrize("case", BAD_STACKS)
def test_what_is_no_stack_of_patterns_is_refused_in_one_line(case: str) -> None:
    stack, frame, packed, named = BAD_STACKS[case]
    with pytest.raises(UsageError) as refused:
        Patterns(stack, frame, packed)
    assert named in str(refused.value)
    assert "\n" not in str(refused.value)


def test_texts_without_a_file_or_with_other_keys_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "p.npy", BITS)
    with pytest.raises(UsageError, match="a file"):
        parse_operator("patterns:frame=5x7")
    with pytest.raises(UsageError, match="bits"):
        parse_operator(f"patterns:{tmp_path}/p.npy,bits=1", FRAME)
    with pytest.raises(UsageError, match="a frame"):
        parse_operator(f"patterns:{tmp_path}/p.npy")
    with pytest.raises(UsageError, match="frame 5x7"):
        parse_operator(f"patterns:{tmp_path}/p.npy,frame=5x7", (7, 5))
    with pytest.raises(MissingFileError):
        parse_operator(f"patterns:{tmp_path}/q.npy", FRAME)
