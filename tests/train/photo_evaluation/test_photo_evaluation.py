"""bitprior evaluate --operator: what it writes is true, and the report reads it."""

import json
import shlex
from pathlib import Path

import numpy as np
import pytest

from bitprior_export.report import read_findings
from bitprior_runtime import load
from bitprior_runtime.cli.main import run as bitprior
from bitprior_runtime.sensing.text import parse_operator
from bitprior_runtime.summary import SummaryRow
from bitprior_train.metrics import psnr, ssim
from bitprior_train.photo_evaluation.photos import load_photo_set
from bitprior_train.photo_evaluation.rows import weights_by_bits

FRESH = "gaussian-blocks:m=6,size=4,seed=1"
NAMES = ("photo-4bit", "photo-1bit")


@pytest.fixture
def here(data, bundles, monkeypatch):
    """In the folder of the bundles, with the data."""
    monkeypatch.setenv("BITPRIOR_DATA", str(data))
    monkeypatch.chdir(bundles)
    return data


def evaluate(out, *options):
    names = [f"{name}.bitprior" for name in NAMES]
    assert bitprior(["evaluate", *names, *options, "--out", str(out)]) == 0
    return json.loads(Path(out).read_text())


@pytest.fixture
def found(here, tmp_path):
    published = f"blocks:matrix={here}/block_matrices.npz#ratio10,size=4"
    options = ["--operator", published, "--operator", FRESH]
    return evaluate(tmp_path / "photos.json", "--dataset", "set11", *options)


def test_every_operator_has_a_row_for_each_prior_and_each_plain_method(found):
    methods = ["prior", "prior", "linear MMSE", "pseudo-inverse", "PCA"]
    assert [row["method"] for row in found["rows"]] == 2 * methods
    assert [row["operator"] for row in found["rows"][::5]] == [
        "blocks:matrix=block_matrices.npz#ratio10,size=4", FRESH,
    ]  # fmt: skip
    assert found["photos"] == ["a", "b", "c"]
    for row in found["rows"]:
        assert row["photos"] == 3
        assert row["psnr"]["mean"] == pytest.approx(np.mean(row["psnr_of"]), abs=1e-3)
        assert (row["prior"] is None) == (row["method"] != "prior")
        assert (row["start_psnr"] is None) == (row["method"] != "prior")


def test_the_figures_are_those_of_recoveries_of_one_photo_after_the_other(found, here):
    row = found["rows"][5]
    model = load("photo-4bit.bitprior")
    quality, likeness, starts, losses = [], [], [], []
    for photo in load_photo_set("set11").photos:
        operator = parse_operator(FRESH, photo.shape)
        image = photo[None, None]
        y = operator.forward(image)
        recovery = model.recover(y, operator=operator)
        quality.append(psnr(recovery.image, image)[0])
        likeness.append(ssim(recovery.image, image)[0])
        starts.append(psnr(recovery.start, image)[0])
        losses.append(recovery.loss[0] / np.square(y).sum())
    assert row["psnr_of"] == pytest.approx(quality, abs=1e-3)
    assert row["ssim"]["mean"] == pytest.approx(np.mean(likeness), abs=1e-4)
    assert row["start_psnr"]["mean"] == pytest.approx(np.mean(starts), abs=1e-3)
    assert row["loss"] == pytest.approx(np.mean(losses), rel=1e-3)


def test_a_row_says_what_the_prior_is_and_how_it_ran(found):
    four, one = (row["prior"] for row in found["rows"][:2])
    assert (four["bits"], four["mean_bits"], list(four["widths"])) == (4, 4.0, ["4"])
    assert one["bits"] == 1
    mean = sum(int(bits) * count for bits, count in one["widths"].items()) / one["weights"]
    assert one["mean_bits"] == pytest.approx(mean)
    assert one["name_line"] == "1-bit, D 8-bit, mean 1.3"
    assert list(one["widths"]) == ["1", "8"]
    assert one["weights"] == sum(one["widths"].values())
    # D, G1, G2; S, E1, E2; K1: with 6 channels.
    assert one["weights"] == 24 + 324 + 216 + 48 + 432 + 324 + 324
    assert one["widths"]["8"] == 24 + 48
    assert four["digest"] == load("photo-4bit.bitprior").info["digest"]
    assert (four["solver"], four["steps"], four["engine"]) == ("learned", 2, "float")
    assert four["kernel"] in ("native", "numpy")


def test_times_are_by_frame_and_there_are_at_least_three(found):
    times = found["rows"][0]["times"]
    assert [(each["frame"], each["count"]) for each in times] == [([12, 10], 3), ([9, 9], 3)]
    assert all(0 < each["fastest_ms"] <= each["mean_ms"] for each in times)
    assert found["rows"][2]["times"] == []


def test_the_command_in_the_result_gives_the_result_again(found, here, tmp_path, monkeypatch):
    program, *arguments = shlex.split(found["command"])
    assert program == "bitprior"
    assert not any("/" in argument for argument in arguments)
    (tmp_path / "there").mkdir()
    for path in (*Path().glob("*.bitprior"), here / "block_matrices.npz"):
        (tmp_path / "there" / path.name).write_bytes(path.read_bytes())
    monkeypatch.chdir(tmp_path / "there")
    assert bitprior([*arguments, "--out", "again.json"]) == 0
    again = json.loads(Path("again.json").read_text())
    for key in ("psnr", "ssim", "start_psnr", "psnr_of", "loss", "operator"):
        assert [row[key] for row in again["rows"]] == [row[key] for row in found["rows"]]
    assert again["photo_digest"] == found["photo_digest"]


def test_pictures_lie_beside_the_figures_and_belong_to_their_rows(found, tmp_path):
    (result,) = read_findings(tmp_path).photos
    assert result.pictures is not None
    assert result.pictures.original.shape == (2, 1, 12, 10)
    assert len(result.pictures.rows) == 5
    for row, values in zip(result.pictures.rows, result.pictures.psnr, strict=True):
        of_row = result.rows[row].psnr_of
        assert list(values) == pytest.approx([of_row[0], of_row[2]], abs=1e-3)


def test_noise_is_told_to_the_recovery_and_costs_quality(here, tmp_path):
    options = ["--dataset", "set11", "--operator", FRESH]
    clean = evaluate(tmp_path / "clean.json", *options)
    noisy = evaluate(tmp_path / "noisy.json", *options, "--noise", "0.3", "--seed", "2")
    again = evaluate(tmp_path / "again.json", *options, "--noise", "0.3", "--seed", "2")
    by_method = {row["method"]: row["psnr"]["mean"] for row in clean["rows"]}
    for row, other in zip(noisy["rows"], again["rows"], strict=True):
        assert row["noise"] == 0.3
        assert row["psnr"] == other["psnr"]
        if row["method"] in ("linear MMSE", "PCA"):
            assert row["psnr"]["mean"] < by_method[row["method"]]


def test_photos_kept_back_and_fewer_photos_and_the_integer_engine(here, tmp_path, capsys):
    options = ["--dataset", "photos-validation", "--operator", FRESH, "--images", "2"]
    options += ["--engine", "integer", "--steps", "1"]
    found = evaluate(tmp_path / "few.json", *options)
    assert found["part"] == "the first 2 of 20 photos kept back from training"
    assert found["rows"][0]["prior"]["engine"] == "integer"
    assert found["rows"][0]["prior"]["steps"] == 1
    assert "the first 2 of 20 photos" in capsys.readouterr().out


def test_the_json_on_stdout_is_that_of_the_file(here, tmp_path, capsys):
    options = ["--dataset", "bsd68", "--operator", FRESH]
    capsys.readouterr()
    names = [f"{name}.bitprior" for name in NAMES]
    out = tmp_path / "r.json"
    assert bitprior(["evaluate", *names, *options, "--json", "--out", str(out)]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(out.read_text())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--dataset", "set11"], "an operator to measure set11 with"),
        (["--dataset", "mnist", "--operator", FRESH], "set11, bsd68, photos-validation"),
        (["--dataset", "mnist", "--noise", "0.1"], "photos for --operator and --noise"),
        (["--dataset", "set11", "--operator", FRESH, "--restarts", "2"], "--restarts"),
        (["--dataset", "set11", "--operator", FRESH, "--components", "2"], "--components"),
        (["--dataset", "set11", "--operator", "blocks:matrix=none.npz,size=4"], "none.npz"),
        (["--dataset", "set11", "--operator", "gaussian-blocks:m=9,size=11,seed=0"], "frame"),
        (["--dataset", "set11", "--operator", "cosine:m=9"], "an operator such as"),
    ],
)
def test_what_does_not_fit_is_one_line(here, capsys, options, message):
    assert bitprior(["evaluate", "photo-4bit.bitprior", *options]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.out == ""


def test_a_prior_of_one_frame_is_refused(here, capsys):
    options = ["--dataset", "set11", "--operator", FRESH]
    assert bitprior(["evaluate", "mnist-4bit-m25", *options]) == 2
    assert "priors that serve any frame" in capsys.readouterr().err


def test_weights_are_counted_by_their_bits_the_narrowest_first():
    widths = [(8, 100), (1, 300), (None, 0), (1, 100)]
    layers = [SummaryRow("p", "l", "Conv", (), *width, 0, 0, 0, 0) for width in widths]
    assert list(weights_by_bits(layers).items()) == [("1", 400), ("8", 100)]
