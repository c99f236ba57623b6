"""Images for golden cases from whatever they come in."""

import io
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from bitprior_export.image_files import MAX_ARCHIVE_BYTES, MAX_IMAGES, load_images
from bitprior_runtime.errors import MissingFileError, UsageError

GEOMETRY = (1, 4, 6)


def images(rows: int = 3) -> np.ndarray:
    return np.random.default_rng(0).random((rows, *GEOMETRY), dtype=np.float32)


def test_archives_and_arrays_hold_images(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", images=images())
    np.save(tmp_path / "a.npy", images())
    for name in ("a.npz", "a.npy"):
        np.testing.assert_array_equal(load_images(tmp_path / name, GEOMETRY), images())


def test_a_folder_holds_image_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name, value in (("b.png", 200), ("a.png", 100)):
        cv2.imwrite(str(tmp_path / name), np.full((4, 6), value, np.uint8))
    found = load_images(tmp_path, GEOMETRY)
    np.testing.assert_allclose(found[:, 0, 0, 0], [100 / 255, 200 / 255], rtol=1e-6)
    assert load_images(tmp_path / "b.png", GEOMETRY).shape == (1, *GEOMETRY)


def test_more_images_than_needed_are_left_out(tmp_path: Path) -> None:
    np.savez(tmp_path / "many.npz", images=images(MAX_IMAGES + 5))
    assert len(load_images(tmp_path / "many.npz", GEOMETRY)) == MAX_IMAGES


def test_what_holds_no_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.npz").write_bytes(b"PK no archive")
    np.savez(tmp_path / "other.npz", pictures=images())
    np.savez(tmp_path / "large.npz", images=images()[:, :, :2])
    (tmp_path / "empty").mkdir()
    for name in ("broken.npz", "other.npz", "large.npz", "empty"):
        with pytest.raises(UsageError):
            load_images(tmp_path / name, GEOMETRY)
    with pytest.raises(MissingFileError):
        load_images(tmp_path / "none.npz", GEOMETRY)


def test_an_archive_that_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", b"\0" * (MAX_ARCHIVE_BYTES + 1))
    (tmp_path / "bomb.npz").write_bytes(buffer.getvalue())
    with pytest.raises(UsageError, match="bytes of images"):
        load_images(tmp_path / "bomb.npz", GEOMETRY)
