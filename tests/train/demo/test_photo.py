"""The demo's photo: what is measured, and what the report shows of it first."""

import re

import numpy as np
import pytest

from bitprior_export.report import Findings, Report
from bitprior_export.report.html import render
from bitprior_runtime.cli.main import run as bitprior
from bitprior_runtime.errors import UsageError
from bitprior_runtime.zoo import FOLDER
from bitprior_train.demo import photo as demo_photo
from bitprior_train.demo.photo import averaged, camera, recover_photo, usual_priors
from builders.photo_files import write_priors


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photo")
    write_priors(folder)
    said = []
    priors = [folder / "photo-4bit.bitprior", folder / "photo-1bit.bitprior"]
    result = recover_photo(priors, folder, "bitprior demo --out demo", said.append)
    return folder, result, said


def test_the_photo_is_averaged_to_256_pixels_a_side():
    photos = camera()
    (photo,) = photos.photos
    assert photo.shape == (256, 256)
    assert photo.dtype == np.float32
    small = averaged(np.arange(16, dtype=np.float32).reshape(4, 4), 2)
    np.testing.assert_array_equal(small, [[2.5, 4.5], [10.5, 12.5]])


def test_it_is_measured_by_a_tenth_of_its_pixels_number_with_both_priors(found):
    folder, result, said = found
    assert {(row.m, row.n) for row in result.rows} == {(109, 1089)}
    assert [row.label for row in result.rows] == [
        "4-bit", "1-bit, D 8-bit, mean 1.3", "linear MMSE", "pseudo-inverse",
    ]  # fmt: skip
    assert (folder / "photo.json").is_file()
    assert result.command == "bitprior demo --out demo"
    assert [line.split(":")[0] for line in said] == [
        "Recovered camera with photo-4bit", "Recovered camera with photo-1bit",
    ]  # fmt: skip


def test_the_report_begins_with_the_four_pictures_and_what_each_costs(found):
    folder, result, _ = found
    page = render(Report("r", "s", Findings(photos=[result]), {}))
    assert re.search(r'<section id="([^"]+)">', page)[1] == "photos-camera"
    cells = re.findall(r"<td><img .*?>\n(.*?)\n</td>", page, flags=re.DOTALL)
    labels = [cell.split("<br>")[0] for cell in cells]
    assert labels == ["original", "linear MMSE", "4-bit", "1-bit, D 8-bit, mean 1.3"]
    size = (folder / "photo-4bit.bitprior").stat().st_size
    assert f"{size:,} bytes" in cells[2]
    assert " dB" in cells[2]
    assert " ms" in cells[2]
    assert "bytes" not in cells[1]


def test_the_usual_priors_are_those_of_the_zoo_that_are_there(monkeypatch, tmp_path):
    names = ["mnist-4bit-m100", "photo-1bit"]
    monkeypatch.setattr(demo_photo, "zoo_names", lambda: names)
    assert [path.name for path in usual_priors()] == ["photo-1bit"]
    monkeypatch.setattr(demo_photo, "zoo_names", list)
    assert usual_priors() == []


def test_without_priors_the_photo_is_left_out_and_that_is_said(tmp_path):
    said = []
    assert recover_photo([], tmp_path, "bitprior demo", said.append) is None
    assert said == ["Left out the photo: this bitprior came without photo-4bit and photo-1bit"]
    assert list(tmp_path.iterdir()) == []


def test_a_prior_of_digits_is_refused(tmp_path, capsys):
    digits = FOLDER / "mnist-4bit-m25.bitprior"
    with pytest.raises(UsageError, match="any frame"):
        recover_photo([digits], tmp_path, "", print)


def test_a_missing_prior_is_named_before_anything_is_trained(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert bitprior(["demo", "--out", "d", "--photo-prior", "none.bitprior"]) == 2
    printed = capsys.readouterr()
    assert "none.bitprior" in printed.err
    assert "Trained" not in printed.err
