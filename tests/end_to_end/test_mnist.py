"""Real MNIST, reduced training: the chain of the tutorial, and the runtime against torch."""

import json
import os
from pathlib import Path

import pytest

from bitprior_runtime.cli.main import run
from bitprior_runtime.zoo import zoo_names

ARCHIVE = Path(os.environ.get("BITPRIOR_DATA", "")) / "mnist.npz"
pytestmark = [
    pytest.mark.mnist,
    pytest.mark.skipif(not ARCHIVE.is_file(), reason="needs BITPRIOR_DATA with mnist.npz"),
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mnist")
    train = ["train", "mnist", "--bits", "4", "--measurements", "100", "--sparsity", "50"]
    assert run([*train, "--steps", "300", "--out", str(folder / "run")]) == 0
    assert run(["export", str(folder / "run"), "--out", str(folder / "m.bitprior")]) == 0
    return folder


@pytest.fixture(scope="module")
def figures(trained):
    command = ["evaluate", str(trained / "m.bitprior"), "--dataset", "mnist", "--images", "200"]
    command += ["--components", "100", "--reference", str(trained / "run")]
    assert run([*command, "--out", str(trained / "figures.json")]) == 0
    return json.loads((trained / "figures.json").read_text("utf-8"))


def test_even_a_short_training_is_far_above_the_mean_image(figures):
    mean_image, components = figures["baselines"]
    assert components["psnr"]["mean"] > mean_image["psnr"]["mean"]
    assert figures["rows"][0]["psnr"]["mean"] > mean_image["psnr"]["mean"] + 5


def test_runtime_and_torch_agree(figures):
    torch = figures["rows"][0]["torch"]
    assert (torch["images"], torch["steps"]) == (200, 50)
    assert abs(torch["psnr_torch"] - torch["psnr_runtime"]) < 0.05
    assert torch["gradient"] < 1e-4
    assert torch["trace_float64"] < 1e-6
    assert torch["trace_median"] < 1e-3
    assert torch["trace_rows"] > 0.9


def test_the_packed_generator_takes_4_bits_a_weight(trained, capsys):
    assert run(["info", str(trained / "m.bitprior"), "--json"]) == 0
    layers = json.loads(capsys.readouterr().out)["layers"]
    rows = [row for row in layers if row["program"] == "generator"]
    weights = sum(row["weights"] for row in rows)
    assert weights == 692_000
    biases = sum(4 * row["other"] for row in rows)
    packed = sum(row["bytes"] for row in rows) - biases
    assert packed <= 1.05 * 692_000 * 4 / 8


def test_figures_say_where_they_come_from(figures):
    assert figures["seed"] == 0
    assert len(figures["split_hash"]) == 64
    row = figures["rows"][0]
    assert row["training"]["dataset"] == "mnist"
    assert (row["engine"], row["kernel"]) == ("float", "native")
    assert row["psnr"]["count"] == 200


def test_the_zoo_recovers_real_digits(capsys):
    names = [name for name in zoo_names() if name.startswith("mnist-")]
    command = ["evaluate", *names, "--dataset", "mnist", "--images", "40", "--json"]
    assert run([*command, "--components", "1"]) == 0
    found = json.loads(capsys.readouterr().out)
    mean_image = found["baselines"][0]["psnr"]["mean"]
    assert [row["bundle"] for row in found["rows"]] == names
    assert min(row["psnr"]["mean"] for row in found["rows"]) > mean_image + 6
    assert not any(row["other_split"] for row in found["rows"])
