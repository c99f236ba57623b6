"""The demo in a reduced but real form: every bit width, fewer training steps."""

import json

import pytest

from bitprior_runtime.cli.main import run
from builders.photo_files import write_priors


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_priors(folder)
        priors = [f"--photo-prior=photo-{bits}bit.bitprior" for bits in (4, 1)]
        assert run(["demo", "--out", "demo", "--steps", "200", *priors]) == 0
    return folder / "demo"


def test_every_width_has_a_bundle_and_the_report_is_there(demo):
    found = {path.name for path in demo.iterdir()}
    bundles = {f"digits-{bits}bit.bitprior" for bits in (1, 2, 3, 4, 32)}
    assert found == bundles | {"runs", "results", "report.html", "measurements.npy"}


def test_the_report_shows_every_width(demo):
    text = (demo / "report.html").read_text("utf-8")
    for label in ("32-bit", "4-bit", "3-bit", "2-bit", "1-bit", "mean image", "PCA"):
        assert label in text


def test_the_photo_comes_first_in_the_report_and_has_results_of_its_own(demo):
    text = (demo / "report.html").read_text("utf-8")
    assert 0 < text.index('id="photos-camera"') < text.index('id="digits"')
    assert {path.name for path in (demo / "results").iterdir()} == {
        "digits.json", "digits.npz", "photo.json", "photo.npz",
    }  # fmt: skip


def test_what_the_demo_suggests_next_works(demo, capsys, monkeypatch):
    monkeypatch.chdir(demo.parent)
    bundle = "demo/digits-4bit.bitprior"
    assert run(["info", bundle]) == 0
    assert run(["verify", bundle]) == 0
    assert run(["recover", bundle, "demo/measurements.npy", "--out", "recovered.png"]) == 0
    assert "Recovered 10 images" in capsys.readouterr().out


def test_every_width_is_far_above_the_mean_image(demo, capsys, monkeypatch):
    monkeypatch.chdir(demo.parent)
    bundles = [f"demo/digits-{bits}bit.bitprior" for bits in (32, 4, 3, 2, 1)]
    options = ["--dataset", "digits", "--images", "300", "--components", "16", "--json"]
    assert run(["evaluate", *bundles, *options]) == 0
    result = json.loads(capsys.readouterr().out)
    mean_image = result["baselines"][0]
    assert mean_image["name"] == "mean image"
    assert [row["bits"] for row in result["rows"]] == [32, 4, 3, 2, 1]
    for row in result["rows"]:
        assert row["psnr"]["mean"] > mean_image["psnr"]["mean"] + 2


def test_low_bits_really_are_smaller(demo, capsys):
    sizes = []
    for bits in (1, 2, 3, 4, 32):
        capsys.readouterr()
        assert run(["info", str(demo / f"digits-{bits}bit.bitprior"), "--json"]) == 0
        info = json.loads(capsys.readouterr().out)
        weights = sum(row["weights"] for row in info["layers"] if row["program"] == "generator")
        others = sum(row["other"] for row in info["layers"] if row["program"] == "generator")
        per_channel = 4 * others  # at most one scale for each bias
        assert info["bytes"]["generator"] <= 1.05 * weights * bits / 8 + 4 * others + per_channel
        sizes.append(info["bytes"]["generator"])
    assert sizes == sorted(sizes)


def test_a_demo_replaces_an_earlier_one_and_a_file_in_its_place_is_refused(demo, capsys, tmp_path):
    (tmp_path / "file").touch()
    assert run(["demo", "--out", str(tmp_path / "file")]) == 2
    assert "a folder" in capsys.readouterr().err
