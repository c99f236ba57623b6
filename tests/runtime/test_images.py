"""Images and arrays in and out."""

import io

import cv2
import numpy as np
import pytest

from bitprior_runtime.errors import MissingExtraError, MissingFileError, UsageError
from bitprior_runtime.images import (
    contact_sheet,
    decode_array,
    encode_png,
    read_array,
    read_images,
    write_array,
)

GRAY, RGB = (1, 2, 3), (3, 4, 5)


def draw(geometry, count=1, seed=0):
    return np.random.default_rng(seed).random((count, *geometry), dtype=np.float32)


@pytest.mark.parametrize("geometry", [GRAY, RGB, (1, 28, 28), (3, 1, 1)])
def test_a_png_read_back_by_opencv_is_the_image_to_half_a_level(tmp_path, geometry):
    image = draw(geometry)
    path = tmp_path / "x.png"
    path.write_bytes(encode_png(image[0]))
    found = read_images(path, geometry)
    assert np.abs(found - image).max() <= 0.5 / 255 + 1e-6


def test_the_colours_are_not_swapped(tmp_path):
    red = np.zeros((3, 2, 2), np.float32)
    red[0] = 1
    (tmp_path / "red.png").write_bytes(encode_png(red))
    np.testing.assert_array_equal(read_images(tmp_path / "red.png", (3, 2, 2))[0], red)


def test_values_outside_the_range_are_clipped_in_a_png(tmp_path):
    (tmp_path / "x.png").write_bytes(encode_png(np.array([[[-1, 2, 0.5]]], np.float32)))
    found = cv2.imread(str(tmp_path / "x.png"), cv2.IMREAD_GRAYSCALE)
    np.testing.assert_array_equal(found, [[0, 255, 128]])


def test_a_png_takes_one_or_three_channels():
    with pytest.raises(UsageError, match=r"\[1,H,W\] or \[3,H,W\]"):
        encode_png(np.zeros((2, 4, 4), np.float32))


def test_a_larger_picture_is_cropped_to_the_centre_and_resized_by_area(tmp_path):
    wide = np.zeros((40, 100), np.uint8)
    wide[:, 30:70] = 200  # the central square
    cv2.imwrite(str(tmp_path / "wide.png"), wide)
    found = read_images(tmp_path / "wide.png", (1, 4, 4))
    np.testing.assert_allclose(found, 200 / 255, atol=1e-6)
    tall = np.ascontiguousarray(wide.T)
    cv2.imwrite(str(tmp_path / "tall.png"), tall)
    np.testing.assert_allclose(read_images(tmp_path / "tall.png", (1, 4, 4)), 200 / 255, atol=1e-6)


def test_a_sheet_shows_every_image_once():
    images = draw(GRAY, count=5)
    sheet = contact_sheet(images, gap=1)
    assert sheet.shape == (1, 2 * 3 - 1, 3 * 4 - 1)
    np.testing.assert_array_equal(sheet[:, :2, :3], images[0])
    np.testing.assert_array_equal(sheet[:, 3:5, 4:7], images[4])


def test_one_image_is_its_own_sheet():
    images = draw(GRAY)
    np.testing.assert_array_equal(contact_sheet(images), images[0])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_float_arrays_of_every_layout_are_read(tmp_path, dtype, order):
    array = np.asarray(np.arange(6).reshape(2, 3), dtype=dtype, order=order)
    np.save(tmp_path / "y.npy", array)
    found = read_array(tmp_path / "y.npy", "values")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.arange(6).reshape(2, 3))


def test_a_written_array_is_read_back(tmp_path):
    write_array(tmp_path / "y.npy", np.ones((2, 3), np.float32))
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), np.ones((2, 3)))


@pytest.mark.parametrize("dtype", ["int64", "bool", "complex64", "U3", "float128"])
def test_other_types_are_refused(tmp_path, dtype):
    np.save(tmp_path / "y.npy", np.zeros((1, 3), dtype))
    with pytest.raises(UsageError, match="dtype"):
        read_array(tmp_path / "y.npy", "measurements")


def test_a_pickled_array_is_refused_and_not_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    np.save(tmp_path / "y.npy", np.array([Bomb()], dtype=object), allow_pickle=True)
    with pytest.raises(UsageError):
        read_array(tmp_path / "y.npy", "measurements")
    assert not (tmp_path / "ran").exists()


def test_an_array_cut_anywhere_is_refused(tmp_path):
    file = io.BytesIO()
    np.save(file, np.ones((2, 3), np.float32))
    whole = file.getvalue()
    for length in range(len(whole)):
        (tmp_path / "y.npy").write_bytes(whole[:length])
        with pytest.raises(UsageError):
            read_array(tmp_path / "y.npy", "measurements")


def test_a_header_that_claims_a_huge_array_is_refused_without_allocating(tmp_path):
    file = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": (10**12, 10)}
    np.lib.format.write_array_header_1_0(file, header)
    (tmp_path / "y.npy").write_bytes(file.getvalue())
    with pytest.raises(UsageError, match="announced"):
        read_array(tmp_path / "y.npy", "measurements")


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n" + bytes(40)])
def test_a_file_that_is_no_image_is_refused(tmp_path, content):
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(UsageError, match="image file"):
        read_images(tmp_path / "x.png", GRAY)


def test_a_missing_image_is_refused(tmp_path):
    with pytest.raises(MissingFileError):
        read_images(tmp_path / "none.png", GRAY)


def test_without_opencv_the_extra_is_named(tmp_path, monkeypatch):
    (tmp_path / "x.png").write_bytes(encode_png(draw(GRAY)[0]))
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    with pytest.raises(MissingExtraError, match=r"bitprior\[devices\]"):
        read_images(tmp_path / "x.png", GRAY)


def header_of(shape, descr="<f4"):
    """Return a .npy file with a header of our own and a few bytes."""
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"
    padded = text + " " * (118 - len(text) % 64 + 64) + "\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded.encode() + bytes(16)


@pytest.mark.parametrize(
    "shape",
    [
        "(-2, -2)", "(-1, 4)", "(True, 4)", "(0, 4611686018427387904)", "(0,)", "(2.0, 2)",
        "(4, 'x')",
        f"({'1, ' * 70}4)", "(9223372036854775807, 9223372036854775807)", "4", "(None,)",
    ],
)  # fmt: skip
def test_a_header_of_a_strange_shape_is_one_line(shape):
    with pytest.raises(UsageError) as caught:
        decode_array(header_of(shape), "y.npy", "measurements [B,m]")
    assert len(str(caught.value)) < 500


def test_values_beyond_float32_are_infinite_and_refused_by_who_reads_them():
    file = io.BytesIO()
    np.save(file, np.full((1, 2), 1e300))
    assert np.isinf(decode_array(file.getvalue(), "y.npy", "measurements [B,m]")).all()
