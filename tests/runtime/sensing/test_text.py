"""Operators by their text, and files of matrices that are not to be trusted."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from bitprior_runtime.errors import MissingFileError, UsageError
from bitprior_runtime.sensing import files
from bitprior_runtime.sensing.files import read_matrix
from bitprior_runtime.sensing.text import parse_frame, parse_operator

ROWS = np.random.default_rng(0).standard_normal((5, 16)).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    np.savez(tmp_path / "m.npz", phi=ROWS, half=ROWS.astype(np.float16), signs=np.sign(ROWS))
    np.save(tmp_path / "m.npy", ROWS)
    np.save(tmp_path / "images.npy", ROWS.reshape(5, 2, 8))
    np.save(tmp_path / "a,size=2,b#c.npy", ROWS)
    return tmp_path


def test_blocks_are_named_by_an_archive_and_a_key(folder: Path) -> None:
    operator = parse_operator(f"blocks:matrix={folder}/m.npz#phi,size=4", (9, 8))
    np.testing.assert_array_equal(operator.matrix, ROWS)
    assert (operator.block, operator.frame, operator.size) == ((4, 4), (9, 8), 30)


def test_the_keys_have_no_order_and_a_file_may_hold_one_array(folder: Path) -> None:
    operator = parse_operator(f"blocks:size=4,matrix={folder}/m.npy", (9, 8))
    np.testing.assert_array_equal(operator.matrix, ROWS)
    np.savez_compressed(folder / "one.npz", only=ROWS)
    np.testing.assert_array_equal(read_matrix(f"{folder}/one.npz"), ROWS)


def test_names_of_files_may_hold_what_separates(folder: Path) -> None:
    np.testing.assert_array_equal(read_matrix(f"{folder}/a,size=2,b#c.npy"), ROWS)


def test_a_matrix_of_images_needs_no_frame(folder: Path) -> None:
    assert parse_operator(f"matrix:{folder}/images.npy").frame == (2, 8)
    assert parse_operator(f"matrix:{folder}/m.npy", (4, 4)).frame == (4, 4)


BAD = {
    "nothing": ("", "blocks:matrix="),
    "another kind": ("wavelets:m=3", "blocks:matrix="),
    "no keys": ("blocks:", "blocks:matrix="),
    "a key missing": ("blocks:matrix={}/m.npz#phi", "keys matrix and size"),
    "an unknown key": ("blocks:matrix={}/m.npz#phi,size=4,noise=1", "noise"),
    "a key twice": ("blocks:matrix={}/m.npy,size=4,size=5", "size, size"),
    "a size that is no number": ("blocks:matrix={}/m.npz#phi,size=4.0", "size=4.0"),
    "a size of nothing": ("blocks:matrix={}/m.npz#phi,size=0", "size=0"),
    "a size for other columns": ("blocks:matrix={}/m.npz#phi,size=5", "[m,25]"),
    "no such array": ("blocks:matrix={}/m.npz#psi,size=4", "phi, half, signs"),
    "no array named": ("blocks:matrix={}/m.npz,size=4", "phi, half, signs"),
    "a key of a single array": ("blocks:matrix={}/m.npy#phi,size=4", "leave out the #"),
    "no matrix": ("matrix:", "blocks:matrix="),
    "images of another frame": ("matrix:{}/images.npy", "rows for 2x8"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_text_that_names_no_operator_is_refused(folder: Path, case: str) -> None:
    text, named = BAD[case]
    with pytest.raises(UsageError) as refused:
        parse_operator(text.format(folder), (8, 8))
    assert named in str(refused.value)
    assert "\n" not in str(refused.value)


def test_blocks_without_a_frame_and_missing_files_are_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match="--frame"):
        parse_operator(f"blocks:matrix={folder}/m.npy,size=4")
    with pytest.raises(MissingFileError):
        parse_operator(f"blocks:matrix={folder}/none.npz#phi,size=4", (8, 8))


@pytest.mark.parametrize("text", ["", "8", "8x", "0x8", "8x00", "-8x8", "8x8x8", "8X8", "٨x٨"])
def test_a_frame_is_two_numbers(text: str) -> None:
    assert parse_frame(" 256x192 ") == (256, 192)
    with pytest.raises(UsageError, match="HxW"):
        parse_frame(text)


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def objects() -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([{}], dtype=object), allow_pickle=True)
    return file.getvalue()


WHOLE = npy(ROWS)
HOSTILE = {
    "empty": b"",
    "text": b"hello",
    "cut short": WHOLE[:-1],
    "a byte more": WHOLE + b"0",
    "objects": objects(),
    "a shape beyond memory": WHOLE.replace(b"(5, 16), ", b"(5555555555555, 16), ").ljust(400),
    "a negative shape": WHOLE.replace(b"(5, 16), }", b"(-5, -16)}"),
    "code for a header": WHOLE.replace(b"'<f4'", b"f()  "),
    "an archive cut short": b"PK\x03\x04",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_files_that_are_no_arrays_are_refused(tmp_path: Path, case: str) -> None:
    path = tmp_path / "m.npy"
    path.write_bytes(HOSTILE[case])
    with pytest.raises(UsageError) as refused:
        read_matrix(str(path))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("case", HOSTILE)
def test_members_that_are_no_arrays_are_refused(tmp_path: Path, case: str) -> None:
    with zipfile.ZipFile(tmp_path / "m.npz", "w") as archive:
        archive.writestr("a.npy", HOSTILE[case])
    with pytest.raises(UsageError):
        read_matrix(f"{tmp_path}/m.npz#a")


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.npz"
    np.savez_compressed(path, a=ROWS)
    data = bytearray(path.read_bytes())
    data[60:90] = bytes(30)
    path.write_bytes(data)
    with pytest.raises(UsageError):
        read_matrix(f"{path}#a")


def test_members_that_unpack_to_more_than_they_may_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez_compressed(tmp_path / "m.npz", a=np.zeros(100_000))
    monkeypatch.setattr(files, "MAX_BYTES", 10_000)
    with pytest.raises(UsageError, match="at most 10000 bytes"):
        read_matrix(f"{tmp_path}/m.npz#a")


@pytest.mark.parametrize(
    ("text", "frame", "message"),
    [
        ("gaussian-blocks:m=16384,size=128,seed=0", (128, 128), "at most 8388608 entries"),
        ("walsh-blocks:m=16384,size=128", (128, 128), "at most 8388608 entries"),
        ("gaussian:m=16384,seed=0", (128, 128), "at most 268435456 bytes"),
        ("mask:keep=0.1,seed=0", (32768, 32768), "at most 33554432 pixels"),
    ],
)
def test_a_text_that_costs_more_than_seconds_is_refused(text, frame, message):
    with pytest.raises(UsageError, match=message):
        parse_operator(text, frame)


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_an_archive_packed_as_numpy_packs_none_is_refused(tmp_path, method):
    file = io.BytesIO()
    np.save(file, np.eye(3, dtype=np.float32))
    path = tmp_path / "m.npz"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("A.npy", file.getvalue())
    with pytest.raises(UsageError, match="packed by method"):
        read_matrix(f"{path}#A")
