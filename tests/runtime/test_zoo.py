"""The priors that come with bitprior: whatever lies in the zoo loads, verifies and recovers."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from bitprior_runtime import load
from bitprior_runtime.bundle.errors import BundleError
from bitprior_runtime.cli.main import run
from bitprior_runtime.errors import MissingFileError
from bitprior_runtime.zoo import FOLDER, find_bundle, zoo_names

ROOM = 4_000_000


@pytest.fixture(params=zoo_names())
def name(request, tmp_path, monkeypatch):
    """Each prior of the zoo, from a folder in which nothing has its name."""
    monkeypatch.chdir(tmp_path)
    return request.param


def test_there_is_a_1_bit_and_a_4_bit_prior_and_all_have_room():
    assert {"mnist-1bit-m100", "mnist-4bit-m100"} <= set(zoo_names())
    assert sum(path.stat().st_size for path in FOLDER.glob("*.bitprior")) <= ROOM


def test_a_name_says_what_the_bundle_says(name):
    info = load(name).info
    dataset, bits, m = name.split("-")
    assert dataset == info["training"]["dataset"]
    assert bits == f"{info['bits']}bit"
    assert m == f"m{info['measurement']['size']}"
    assert info["training"]["sensing_bits_after_training"] == 8


def test_each_says_what_it_was_trained_on_and_nothing_of_the_machine_it_was_trained_on(name):
    info = load(name).info
    assert "CC BY-SA 3.0" in info["licence"]
    assert len(info["training"]["split_hash"]) == 64
    assert os.sep not in (info["training"]["init_from"] or "")


def test_each_verifies(name):
    assert all(check.passed for check in load(name).verify())


def test_each_recovers_what_it_can_draw(name):
    model = load(name)
    drawn = model.generate(np.random.default_rng(0).normal(size=(8, 100)).astype(np.float32) / 10)
    found = model.recover(model.sense(drawn), restarts=2)
    error = np.square(found.image - drawn).mean()
    # Fewer measurements than latents leave more open.
    share = 1 / 10 if model.bundle.manifest.measurement.size >= 100 else 1 / 2
    assert error < share * np.square(drawn - drawn.mean(axis=0)).mean()


def test_every_verb_takes_a_name(name, capsys):
    digit = np.zeros((1, 1, 28, 28), np.float32)
    digit[:, :, 6:22, 13:15] = 1
    np.save("x.npy", digit)
    assert run(["info", name]) == 0
    assert run(["verify", name]) == 0
    assert run(["sense", name, "x.npy", "--out", "y.npy"]) == 0
    assert run(["recover", name, "y.npy", "--out", "found.png", "--steps", "2"]) == 0
    assert "Recovered 1 image" in capsys.readouterr().out
    assert Path("found.png").read_bytes().startswith(b"\x89PNG")


def test_bench_measures_a_prior_by_name(capsys):
    options = ["--engine", "float", "--kernel", "numpy", "--json"]
    assert run(["bench", "mnist-1bit-m100", *options]) == 0
    assert json.loads(capsys.readouterr().out)["rows"][0]["engine"] == "float"


def test_zoo_lists_them_with_their_licences(capsys):
    assert run(["zoo"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == zoo_names()
    assert all("CC BY-SA 3.0" in line for line in lines)
    assert run(["zoo", "--json"]) == 0
    priors = json.loads(capsys.readouterr().out)["priors"]
    assert [prior["sensing_bits"] for prior in priors] == [8] * len(lines)


def test_an_existing_file_goes_before_a_name(tmp_path, monkeypatch, bundle_path):
    monkeypatch.chdir(tmp_path)
    name = zoo_names()[0]
    shutil.copyfile(bundle_path, name)
    assert load(name).geometry == (1, 2, 3)
    Path(name).write_bytes(b"not a bundle")
    with pytest.raises(BundleError):
        load(name)


def test_an_unknown_name_is_refused_with_the_names_there_are(capsys):
    with pytest.raises(MissingFileError, match=r"mnist-4bit-m100.*no such name: 'mnist-9bit'"):
        load("mnist-9bit")
    assert run(["info", "mnist-9bit"]) == 2
    assert "bitprior zoo" in capsys.readouterr().err


@pytest.mark.parametrize("path", ["none.bitprior", "nowhere/mnist-4bit-m100"])
def test_what_is_written_as_a_path_is_never_a_name(path):
    assert find_bundle(path) == Path(path)
    with pytest.raises(MissingFileError, match="expected a bundle at"):
        load(path)


def test_priors_of_the_zoo_are_compared_by_name(capsys):
    name = zoo_names()[0]
    assert run(["compare", name, str(FOLDER / f"{name}.bitprior")]) == 0
    assert "qual" in capsys.readouterr().out
