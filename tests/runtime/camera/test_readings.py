"""Readings come from the files that people have, and what cannot be read is one line."""

import json
import sys

import numpy as np
import pytest

from bitprior_runtime.camera import Camera
from bitprior_runtime.camera.readings import read_readings
from bitprior_runtime.errors import MissingExtraError, MissingFileError, UsageError

Y = np.array([3.5, -1.0, 2.25, 0.0, 7.0])


def saved(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_an_array_alone_is_read(tmp_path):
    np.save(tmp_path / "y.npy", Y.reshape(1, 5, 1))
    found = read_readings(tmp_path / "y.npy")
    assert np.array_equal(found.values, Y)
    assert found.values.dtype == np.float64


def test_integers_keep_their_values(tmp_path):
    counts = np.array([0, 65535, 12], np.uint16)
    np.save(tmp_path / "y.npy", counts)
    assert read_readings(tmp_path / "y.npy").values.tolist() == [0, 65535, 12]


def test_an_archive_of_several_arrays_asks_for_a_name(tmp_path):
    path = saved(tmp_path / "y.npz", first=Y, second=2 * Y)
    assert np.array_equal(read_readings(path, "second").values, 2 * Y)
    with pytest.raises(UsageError, match="first, second"):
        read_readings(path)
    with pytest.raises(UsageError, match="first, second"):
        read_readings(path, "third")
    assert np.array_equal(read_readings(saved(tmp_path / "z.npz", y=Y, roi=Y)).values, Y)


@pytest.mark.parametrize("mark", [",", ";", "\t", "  "])
def test_columns_of_a_text_file_are_read(tmp_path, mark):
    lines = ["# made by a board", mark.join(("time", "value"))]
    lines += [mark.join((str(i), str(v))) for i, v in enumerate(Y)]
    (tmp_path / "y.csv").write_text("\n".join(lines) + "\n\n")
    assert np.array_equal(read_readings(tmp_path / "y.csv", column=1).values, Y)


def test_a_text_file_of_a_number_a_line_is_read(tmp_path):
    (tmp_path / "y.txt").write_text("\ufeff3.5\n-1\n2.25\n0\n7e0\n")
    assert np.array_equal(read_readings(tmp_path / "y.txt").values, Y)


def test_empty_fields_are_missing_readings(tmp_path):
    (tmp_path / "y.csv").write_text("0,3.5\n1,\n2,nan\n")
    found = read_readings(tmp_path / "y.csv", column=1).values
    assert np.array_equal(found, [3.5, np.nan, np.nan], equal_nan=True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a\nb\n1\n", "line 2"),
        ("1\n2\nx\n", "line 3"),
        ("1,2\n3\n", "2 values in every row"),
        ("# nothing\n", "no numbers"),
    ],
)
def test_a_text_file_that_is_wrong_is_one_line(tmp_path, text, words):
    (tmp_path / "y.csv").write_text(text)
    with pytest.raises(UsageError, match=words) as error:
        read_readings(tmp_path / "y.csv")
    assert "\n" not in str(error.value)


def test_rows_and_columns_are_chosen_by_number(tmp_path):
    table = np.arange(12.0).reshape(3, 4)
    np.save(tmp_path / "y.npy", table)
    assert read_readings(tmp_path / "y.npy", row=1).values.tolist() == [4, 5, 6, 7]
    assert read_readings(tmp_path / "y.npy", column=2).values.tolist() == [2, 6, 10]
    assert read_readings(tmp_path / "y.npy", wanted=(12,)).values.tolist() == list(range(12))
    with pytest.raises(UsageError, match="row 0 to 2"):
        read_readings(tmp_path / "y.npy", row=3)
    with pytest.raises(UsageError, match="row or column"):
        read_readings(tmp_path / "y.npy", row=0, column=0)


def test_spectral_bands_are_added(tmp_path):
    table = np.random.default_rng(0).random((64, 300))
    np.save(tmp_path / "y.npy", table)
    found = read_readings(tmp_path / "y.npy", wanted=(32, 64))
    np.testing.assert_allclose(found.values, table.sum(axis=1))
    assert "added" in found.notes[0]
    with pytest.raises(UsageError, match="choose one"):
        read_readings(tmp_path / "y.npy", wanted=(1000,))


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros(4, complex), "complex"),
        (np.array(["a"]), "dtype"),
        (np.zeros((2, 2, 2)), "shape"),
    ],
)
def test_arrays_that_are_no_readings_are_one_line(tmp_path, array, words):
    np.save(tmp_path / "y.npy", array)
    with pytest.raises(UsageError, match=words):
        read_readings(tmp_path / "y.npy")


def test_other_files_are_one_line(tmp_path):
    (tmp_path / "y.xlsx").write_bytes(b"PK")
    with pytest.raises(UsageError, match=r"\.npy, \.npz, \.csv"):
        read_readings(tmp_path / "y.xlsx")
    with pytest.raises(MissingFileError):
        read_readings(tmp_path / "none.npy")
    (tmp_path / "y.npz").write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(UsageError, match="whole"):
        read_readings(tmp_path / "y.npz")


def test_matlab_files_of_version_5_are_read(tmp_path):
    io = pytest.importorskip("scipy.io", reason="needs scipy (extra cameras)")
    io.savemat(tmp_path / "one.mat", {"M": Y, "par": {"a": 1.0}, "n": 3, "name": "x"})
    assert np.array_equal(read_readings(tmp_path / "one.mat").values, Y)
    io.savemat(tmp_path / "two.mat", {"M": Y, "dark": np.zeros(9)})
    assert np.array_equal(read_readings(tmp_path / "two.mat", "M").values, Y)
    with pytest.raises(UsageError, match=r"M \[1, 5\], dark \[1, 9\]"):
        read_readings(tmp_path / "two.mat")
    (tmp_path / "cut.mat").write_bytes((tmp_path / "two.mat").read_bytes()[:200])
    with pytest.raises(UsageError, match="whole MATLAB file"):
        read_readings(tmp_path / "cut.mat")


def test_matlab_files_of_version_7_3_are_read_with_matlabs_axes(tmp_path):
    h5py = pytest.importorskip("h5py", reason="needs h5py (extra cameras)")
    table = np.arange(12.0).reshape(3, 4)
    with h5py.File(tmp_path / "y.mat", "w", userblock_size=512) as file:
        file["M"] = table.T  # columns lie one after the other
        file["M"].attrs["MATLAB_class"] = np.bytes_("double")
        file["label"] = np.array([65, 66], np.uint16)
        file["label"].attrs["MATLAB_class"] = np.bytes_("char")
        file.create_group("#refs#")
    data = bytearray((tmp_path / "y.mat").read_bytes())
    data[:10] = b"MATLAB 7.3"
    (tmp_path / "y.mat").write_bytes(bytes(data))
    assert read_readings(tmp_path / "y.mat", row=1).values.tolist() == [4, 5, 6, 7]
    (tmp_path / "cut.mat").write_bytes(bytes(data[:700]))
    with pytest.raises(UsageError, match="whole MATLAB file"):
        read_readings(tmp_path / "cut.mat")


@pytest.mark.parametrize(
    ("data", "module"),
    [(b"MATLAB 5.0 MAT-file".ljust(600), "scipy"), (b" " * 512 + b"\x89HDF\r\n\x1a\n", "h5py")],
)
def test_without_the_package_a_matlab_file_names_the_extra(tmp_path, monkeypatch, data, module):
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, f"{module}.io", None)
    (tmp_path / "y.mat").write_bytes(data)
    with pytest.raises(MissingExtraError, match=r"bitprior\[cameras\]") as error:
        read_readings(tmp_path / "y.mat")
    assert module in str(error.value)


@pytest.mark.parametrize("written", [list, str, "np"])
def test_the_order_of_an_acquisition_of_spas_comes_from_its_metadata(tmp_path, written):
    shown = np.random.default_rng(0).permutation(16)
    numbers = np.stack([2 * shown, 2 * shown + 1], axis=1).ravel().tolist()
    listed = numbers if written is list else str(numbers)
    if written == "np":
        listed = "[" + ", ".join(f"np.int32({n})" for n in numbers) + "]"
    parts = [{"class_description": "Metadata"}, {"patterns": listed, "pattern_dimension_x": 4}]
    (tmp_path / "cat_metadata.json").write_text(json.dumps(parts))
    picture = np.random.default_rng(1).random((4, 4))
    operator = Camera("hadamard:order=sequency-rows", (4, 4)).build()
    signal = operator.forward(picture[None, None])[0]
    pairs = np.stack([50 + signal / 2, 50 - signal / 2], axis=1)[shown].reshape(32, 1)
    spectra = pairs * np.array([0.25, 0.75])
    np.savez(tmp_path / "cat_spectraldata.npz", spectral_data=spectra)
    camera = Camera("hadamard:order=sequency-rows", (4, 4))
    found = camera.read(tmp_path / "cat_spectraldata.npz")
    assert np.array_equal(found.order, shown)
    np.testing.assert_allclose(found.values, pairs[:, 0])
    made = camera.build(found.order)
    difference = found.values[::2] - found.values[1::2]
    np.testing.assert_allclose(made.forward(picture[None, None])[0], difference, atol=1e-5)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "JSON"),
        ("[]", "'patterns'"),
        ('[{"patterns": "[0, 2]"}]', "2 k"),
        ('[{"patterns": [0.5]}]', "numbers"),
    ],
)
def test_metadata_of_spas_that_are_wrong_are_one_line(tmp_path, text, words):
    np.savez(tmp_path / "a_spectraldata.npz", spectral_data=np.zeros((2, 3)))
    with pytest.raises(MissingFileError):
        read_readings(tmp_path / "a_spectraldata.npz", wanted=(2,))
    (tmp_path / "a_metadata.json").write_text(text)
    with pytest.raises(UsageError, match=words):
        read_readings(tmp_path / "a_spectraldata.npz", wanted=(2,))
