"""Data sets: disjoint, seeded, hashed splits; missing and malformed files."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from bitprior_runtime.errors import MissingFileError, UsageError
from bitprior_train.data import Dataset, load_dataset, load_test_part


def rows(images: np.ndarray) -> set[bytes]:
    return {image.tobytes() for image in images}


def write_archive(folder: Path, count: int = 50) -> None:
    random = np.random.default_rng(0)
    np.savez(
        folder / "mnist.npz",
        train_x=random.integers(0, 256, (count, 4, 3), dtype=np.uint8),
        test_x=random.integers(0, 256, (10, 4, 3), dtype=np.uint8),
    )


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_archive(tmp_path)
    monkeypatch.setenv("BITPRIOR_DATA", str(tmp_path))
    return tmp_path


def parts(data: Dataset) -> list[np.ndarray]:
    return [data.train, data.validation, data.test]


def test_the_digits_are_split_into_three() -> None:
    data = load_dataset("digits", 0, 200)
    assert [p.shape for p in parts(data)] == [(n, 1, 8, 8) for n in (1297, 200, 300)]
    assert data.geometry == (1, 8, 8)
    assert data.peak == 16


def test_the_parts_are_disjoint_and_nothing_is_lost(archive: Path) -> None:
    data = load_dataset("mnist", 3, 20)
    train, validation, test = (rows(p) for p in parts(data))
    assert not train & validation
    assert not train & test
    assert not validation & test
    with np.load(archive / "mnist.npz") as stored:
        assert train | validation == rows(stored["train_x"])
        assert np.array_equal(data.test[:, 0], stored["test_x"])


def test_the_digits_parts_hold_every_digit_once() -> None:
    data = load_dataset("digits", 1, 150)
    together = sorted(image.tobytes() for part in parts(data) for image in part)
    assert together == sorted(
        image.astype(np.uint8).tobytes() for image in np.asarray(load_digits().images)
    )


def test_images_are_floats_from_zero_to_one() -> None:
    data = load_dataset("digits", 0, 200)
    images = data.images(data.train)
    assert images.dtype == np.float32
    assert (images.min(), images.max()) == (0.0, 1.0)
    assert np.array_equal(np.rint(images * 16), data.train)


def test_the_same_seed_gives_the_same_split_and_another_another() -> None:
    first, again, other = (load_dataset("digits", seed, 200) for seed in (0, 0, 1))
    assert first.split_hash == again.split_hash
    assert all(map(np.array_equal, parts(first), parts(again)))
    assert first.split_hash != other.split_hash
    assert rows(first.test) != rows(other.test)


def test_the_hash_sees_the_seed_the_sizes_and_every_pixel(archive: Path) -> None:
    hashes = {
        load_dataset("mnist", seed, count).split_hash for seed in (0, 1) for count in (20, 21)
    }
    with np.load(archive / "mnist.npz") as stored:
        train, test = stored["train_x"], stored["test_x"]
    test[-1, -1, -1] ^= 1
    np.savez(archive / "mnist.npz", train_x=train, test_x=test)
    hashes.add(load_dataset("mnist", 0, 20).split_hash)
    assert len(hashes) == 5


def test_colour_archives_become_channels_first(archive: Path) -> None:
    images = np.arange(12 * 4 * 3 * 3, dtype=np.uint16).astype(np.uint8).reshape(12, 4, 3, 3)
    np.savez(archive / "mnist.npz", train_x=images, test_x=images[:2])
    data = load_dataset("mnist", 0, 3)
    assert data.geometry == (3, 4, 3)
    assert np.array_equal(data.test[0, 2], images[0, :, :, 2])


def test_an_archive_that_cannot_be_downloaded_is_named_with_the_layout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = r"train-images.*set BITPRIOR_DATA to a folder that holds mnist\.npz.*train_x"
    monkeypatch.delenv("BITPRIOR_DATA", raising=False)
    with pytest.raises(MissingFileError, match=message):
        load_dataset("mnist", 0, 1000)
    monkeypatch.setenv("BITPRIOR_DATA", str(tmp_path))
    with pytest.raises(MissingFileError, match=message):
        load_dataset("mnist", 0, 1000)


def test_shrunk_images_are_another_split_that_says_how(archive: Path) -> None:
    images = np.random.default_rng(1).integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)
    np.savez(archive / "svhn.npz", train_x=images[:15], test_x=images[15:])
    stored, same, small = (load_dataset("svhn", 0, 5, size) for size in (0, 8, 4))
    assert stored.geometry == same.geometry == (3, 8, 8)
    assert small.geometry == (3, 4, 4)
    assert stored.resized == same.resized == "no"
    assert small.resized == "8 to 4 pixels by area averaging"
    assert stored.split_hash == same.split_hash != small.split_hash
    assert [p.shape[2:] for p in parts(small)] == [(4, 4)] * 3


@pytest.fixture
def test_images_only(archive: Path) -> np.ndarray:
    """STL-10 as an archive of five test images and no others."""
    images = np.random.default_rng(2).integers(0, 256, (5, 96, 96, 3), dtype=np.uint8)
    np.savez(archive / "stl10.npz", train_x=images[:0], test_x=images)
    return images


def test_test_images_alone_are_refused_for_training_with_what_to_do(
    test_images_only: np.ndarray, archive: Path
) -> None:
    with pytest.raises(
        MissingFileError, match=r"found 5 test images only; train on imagenette96 and"
    ):
        load_dataset("stl10", 0, 1, 32)
    np.savez(archive / "svhn.npz", train_x=test_images_only[:0], test_x=test_images_only)
    with pytest.raises(MissingFileError, match="train on another data set"):
        load_dataset("svhn", 0, 1)


def test_test_images_alone_can_be_tested_on(test_images_only: np.ndarray) -> None:
    data = load_test_part("stl10", 32)
    assert data.name == "stl10"
    assert data.geometry == (3, 32, 32)
    assert [len(p) for p in parts(data)] == [0, 0, 5]
    whole = load_test_part("stl10")
    assert np.array_equal(whole.test.transpose(0, 2, 3, 1), test_images_only)
    assert whole.split_hash != data.split_hash


def test_the_test_part_of_other_sets_is_the_same_as_with_training(archive: Path) -> None:
    assert np.array_equal(load_test_part("mnist").test, load_dataset("mnist", 4, 10).test)
    assert len(load_test_part("digits").test) == 300
    assert not len(load_test_part("digits").train)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 torn"])
def test_a_damaged_archive_is_refused(archive: Path, content: bytes) -> None:
    (archive / "mnist.npz").write_bytes(content)
    with pytest.raises(MissingFileError, match=r"mnist\.npz"):
        load_dataset("mnist", 0, 10)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((4, 3, 3)),
        np.zeros((4, 3), np.uint8),
        np.zeros((4, 3, 3, 3, 1), np.uint8),
        np.zeros((0, 3, 3), np.uint8),
    ],
)
def test_an_archive_of_another_layout_is_refused(archive: Path, images: np.ndarray) -> None:
    np.savez(archive / "mnist.npz", train_x=images, test_x=images)
    with pytest.raises(MissingFileError, match="layout"):
        load_dataset("mnist", 0, 1)


def test_an_archive_whose_parts_have_other_shapes_is_refused(archive: Path) -> None:
    train, test = np.zeros((4, 3, 3), np.uint8), np.zeros((4, 3, 4), np.uint8)
    np.savez(archive / "mnist.npz", train_x=train, test_x=test)
    with pytest.raises(MissingFileError, match=r"\[4, 3, 3\] and uint8 \[4, 3, 4\]"):
        load_dataset("mnist", 0, 1)


def test_an_archive_with_pickles_is_refused(archive: Path) -> None:
    objects = np.array([{"run": "code"}], dtype=object)
    np.savez(archive / "mnist.npz", train_x=objects, test_x=objects)
    with pytest.raises(MissingFileError, match="pickle"):
        load_dataset("mnist", 0, 1)


@pytest.mark.parametrize(("name", "validation"), [("mnist", 50), ("digits", 1497)])
def test_too_many_validation_images_are_refused(archive: Path, name: str, validation: int) -> None:
    with pytest.raises(UsageError, match=r"data\.validation"):
        load_dataset(name, 0, validation)


def test_an_unknown_data_set_is_refused() -> None:
    with pytest.raises(UsageError, match="digits, imagenette96, mnist"):
        load_dataset("cifar99", 0, 10)


@pytest.mark.mnist
def test_mnist_leaves_59000_images_to_train_on(mnist_folder: Path) -> None:
    data = load_dataset("mnist", 0, 1000)
    assert [len(p) for p in parts(data)] == [59000, 1000, 9900]
    assert not rows(data.train) & (rows(data.validation) | rows(data.test))


@pytest.fixture
def mnist_folder() -> Path:
    folder = os.environ.get("BITPRIOR_DATA", "")
    if not (Path(folder) / "mnist.npz").is_file():
        pytest.skip("mnist.npz is not in the folder BITPRIOR_DATA names")
    return Path(folder)


def test_loading_data_loads_no_torch() -> None:
    code = (
        "import sys, bitprior_train, bitprior_train.commands\n"
        "from bitprior_train.data import load_dataset\n"
        "load_dataset('digits', 0, 200)\n"
        "sys.exit(any(m in sys.modules for m in ('torch', 'brevitas', 'onnx')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
