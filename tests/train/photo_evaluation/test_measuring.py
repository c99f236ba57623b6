"""What is measured of photos, and what a result says of it."""

import numpy as np
import pytest

from bitprior_runtime.errors import MissingFileError, UsageError
from bitprior_train.photo_evaluation.measuring import Sensing, measure
from bitprior_train.photo_evaluation.photos import load_photo_set

OPERATOR = "gaussian-blocks:m=6,size=4,seed=1"


def test_noise_has_the_share_of_the_root_mean_square_that_was_asked_for():
    photo = np.random.default_rng(0).random((160, 120)).astype(np.float32)
    clean, noisy = Sensing(OPERATOR), Sensing(OPERATOR, noise=0.05, seed=3)
    operator = clean.at((160, 120))
    y = measure(clean, operator, photo, 0).y
    found = measure(noisy, operator, photo, 0)
    rms = np.sqrt(np.square(y).mean())
    assert found.noise == pytest.approx(0.05 * rms, rel=1e-5)
    assert np.std(found.y - y) == pytest.approx(0.05 * rms, rel=0.03)
    assert found.y.dtype == np.float32


def test_noise_is_a_function_of_seed_and_photo():
    photo = np.random.default_rng(0).random((8, 8)).astype(np.float32)
    operator = Sensing(OPERATOR).at((8, 8))

    def noisy(seed, index):
        return measure(Sensing(OPERATOR, 0.05, seed), operator, photo, index).y

    np.testing.assert_array_equal(noisy(0, 1), noisy(0, 1))
    assert np.abs(noisy(0, 1) - noisy(0, 2)).max() > 0
    assert np.abs(noisy(0, 1) - noisy(1, 1)).max() > 0


@pytest.mark.parametrize(
    ("text", "shown", "file"),
    [
        ("blocks:matrix=/a/b/m.npz#ratio4,size=33", "blocks:matrix=m.npz#ratio4,size=33",
         "m.npz#ratio4"),
        ("blocks:size=33,matrix=../m.npz#r", "blocks:size=33,matrix=m.npz#r", "m.npz#r"),
        ("matrix:/home/me/a.npy", "matrix:a.npy", "a.npy"),
        (OPERATOR, OPERATOR, None),
    ],
)  # fmt: skip
def test_a_result_names_the_file_of_a_matrix_without_this_machines_folders(text, shown, file):
    assert Sensing(text).shown == shown
    assert Sensing(text).file == file


def test_sets_of_photos_are_whole_and_of_several_frames(data, monkeypatch):
    monkeypatch.setenv("BITPRIOR_DATA", str(data))
    found = load_photo_set("set11")
    assert list(found.names) == ["a", "b", "c"]
    assert [photo.shape for photo in found.photos] == [(12, 10), (9, 9), (12, 10)]
    assert all(photo.dtype == np.float32 and photo.max() <= 1 for photo in found.photos)
    fewer = found.first(2)
    assert fewer.part == "the first 2 of 3 photos"
    assert fewer.digest != found.digest
    assert found.first(3) is found
    assert len(load_photo_set("photos-validation").photos) == 20


def test_what_is_missing_is_named(tmp_path, monkeypatch, data):
    monkeypatch.delenv("BITPRIOR_DATA", raising=False)
    with pytest.raises(MissingFileError, match="BITPRIOR_DATA is not set"):
        load_photo_set("set11")
    monkeypatch.setenv("BITPRIOR_DATA", str(tmp_path))
    with pytest.raises(MissingFileError, match=r"photos\.npz"):
        load_photo_set("bsd68")
    np.savez(tmp_path / "photos.npz", set11_a=np.zeros((4, 4), np.float32))
    for name in ("set11", "bsd68"):
        with pytest.raises(MissingFileError, match="gray uint8 photos"):
            load_photo_set(name)


def test_a_block_larger_than_a_photo_is_refused(data, monkeypatch):
    with pytest.raises(UsageError, match="frame"):
        Sensing("gaussian-blocks:m=6,size=33,seed=1").at((12, 10))
