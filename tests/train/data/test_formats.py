"""Official files: what is in them, and every way in which they can be wrong."""

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from bitprior_runtime.errors import MissingFileError
from bitprior_train.data import archive_members, imagenette
from bitprior_train.data.formats import read_cifar10, read_mnist, read_stl10, read_svhn
from bitprior_train.data.imagenette import read_imagenette
from builders.official_files import (
    cifar10_files,
    colour_images,
    idx_file,
    imagenette_files,
    jpeg,
    mnist_files,
    stl10_files,
    svhn_files,
    tar_file,
)

BATCH = "cifar-10-batches-bin/data_batch_1.bin"
PHOTO = "imagenette2-160/train/n01440764/n01440764_1.JPEG"


def write(folder: Path, files: dict[str, bytes]) -> list[Path]:
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return [folder / name for name in files]


@pytest.mark.parametrize(
    ("make", "read"),
    [
        (mnist_files, read_mnist),
        (cifar10_files, read_cifar10),
        (svhn_files, read_svhn),
        (stl10_files, read_stl10),
    ],
)
def test_every_pixel_is_where_it_belongs(make: Callable, read: Callable, tmp_path: Path) -> None:
    files, parts = make()
    for found, expected in zip(read(write(tmp_path, files)), parts, strict=True):
        assert found.dtype == np.uint8
        assert found.flags.c_contiguous
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not gzip at all",
        gzip.compress(b""),
        gzip.compress(b"\0\0\x08\x01" + bytes(12)),  # labels
        idx_file(np.zeros((3, 28, 28), np.uint8))[:-20],
        gzip.compress(np.array([0x803, 3, 28, 28], ">u4").tobytes() + bytes(3 * 28 * 28 - 1)),
        gzip.compress(np.array([0x803, 2**31, 2**31, 4], ">u4").tobytes()),
    ],
    # Compressed bytes tell the time, and the processes of a test run collect at different ones.
    ids=["empty", "text", "nothing inside", "labels", "cut off", "a byte short", "huge"],
)
def test_what_is_no_idx_file_is_refused(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"in train\.gz.*do not trust"):
        read_mnist(write(tmp_path, {"train.gz": data, "test.gz": data}))


def test_a_gzip_bomb_is_refused_at_its_limit(tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(16 + 60000 * 784 + 1), 1)
    with pytest.raises(MissingFileError, match="at most 47040016 unpacked bytes"):
        read_mnist(write(tmp_path, {"train.gz": bomb, "test.gz": bomb}))


def mat(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    savemat(file, arrays)
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"MATLAB 5.0 MAT-file" + bytes(200),
        mat(y=np.zeros(3)),
        mat(X=np.zeros((32, 32, 3, 2))),
        mat(X=np.zeros((2, 32, 32, 3), np.uint8)),
        mat(X=np.zeros((32, 32, 3, 2), np.uint8))[:300],
    ],
)
def test_what_is_no_svhn_file_is_refused(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"in train\.mat"):
        read_svhn(write(tmp_path, {"train.mat": data, "test.mat": data}))


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        (b"", r"a \.tar\.gz archive"),
        (b"no archive", r"a \.tar\.gz archive"),
        (tar_file({BATCH: bytes(3073 * 4)})[:40], r"a \.tar\.gz archive"),
        (tar_file({BATCH: bytes(3073 * 4)}), r"data_batch_2\.bin.*none of that name"),
        (tar_file({BATCH: bytes(3072)}), r"whole records of 3073 bytes.*found 3072 bytes"),
        (tar_file({BATCH: b""}), r"whole records"),
        (tar_file({BATCH: bytes(30730001)}), r"at most 30730000 bytes.*found 30730001 bytes"),
        (tar_file({BATCH: link(BATCH, "/etc/passwd")}), "something else than a file"),
        (tar_file({BATCH: link(BATCH, "/etc/passwd", tarfile.LNKTYPE)}), "something else"),
        (tar_file({BATCH: link(BATCH, "", tarfile.FIFOTYPE)}), "something else than a file"),
        (tar_file({BATCH: link(BATCH, "", tarfile.DIRTYPE)}), "something else than a file"),
        (tar_file({f"x/../{BATCH}": bytes(3073)}), "none of that name"),
        (tar_file({f"/{BATCH}": bytes(3073)}), "none of that name"),
    ],
    ids=lambda value: f"{len(value)} bytes" if isinstance(value, bytes) else None,
)
def test_a_hostile_or_damaged_archive_is_refused_and_writes_nothing(
    archive: bytes, message: str, tmp_path: Path
) -> None:
    paths = write(tmp_path, {"cifar.tar.gz": archive})
    with pytest.raises(MissingFileError, match=message):
        read_cifar10(paths)
    assert list(tmp_path.rglob("*")) == paths


def test_an_archive_that_unpacks_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_members, "UNPACKED_LIMIT", 10**6)
    archive = tar_file({f"filler{i}": bytes(10**5) for i in range(11)})
    with pytest.raises(MissingFileError, match=r"at most 1000000 unpacked bytes.*found 1100000"):
        read_cifar10(write(tmp_path, {"cifar.tar.gz": archive}))


def test_a_photo_upright_or_gray_is_taken_too(tmp_path: Path) -> None:
    gray, upright = np.full((160, 160), 90, np.uint8), np.full((300, 160, 3), 30, np.uint8)
    files = {PHOTO: jpeg(gray), PHOTO.replace("train", "val"): jpeg(upright)}
    train, test = read_imagenette(write(tmp_path, {"i.tgz": tar_file(files)}))
    assert train.shape == test.shape == (1, 96, 96, 3)
    assert set(train.flat) == {90}
    assert set(test.flat) == {30}


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({PHOTO: b"no photo"}, "a JPEG as"),
        ({PHOTO: jpeg(colour_images(1, 160, 0)[0])[:900]}, "a JPEG as"),
        ({PHOTO: jpeg(colour_images(1, 160, 0)[0])}, r"train/ and in val/"),
        ({PHOTO: bytes(2**20 + 1)}, "at most 1048576 bytes"),
        ({f"../{PHOTO}": jpeg(colour_images(1, 160, 0)[0])}, "none in one of them"),
    ],
)
def test_a_wrong_imagenette_is_refused(
    members: dict[str, bytes], message: str, tmp_path: Path
) -> None:
    with pytest.raises(MissingFileError, match=message):
        read_imagenette(write(tmp_path, {"i.tgz": tar_file(members)}))


def test_a_photo_of_too_many_pixels_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imagenette, "_PIXELS", 160 * 240 - 1)
    files, _ = imagenette_files()
    with pytest.raises(MissingFileError, match="240 x 160"):
        read_imagenette(write(tmp_path, files))
