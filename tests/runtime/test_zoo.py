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
from bitprior_runtime.sensing.linear_estimate import LinearEstimate
from bitprior_runtime.sensing.text import parse_operator
from bitprior_runtime.zoo import FOLDER, find_bundle, zoo_names

ROOM, PHOTO_ROOM = 1_300_000, 150_000
PHOTOS = [name for name in zoo_names() if name.startswith("photo-")]
DIGITS = [name for name in zoo_names() if name not in PHOTOS]
TERMS = {"mnist": ["CC BY-SA 3.0"], "photo": ["BSDS500", "ImageNet", "Creative Commons"]}


@pytest.fixture(params=zoo_names())
def name(request, tmp_path, monkeypatch):
    """Each prior of the zoo, from a folder in which nothing has its name."""
    monkeypatch.chdir(tmp_path)
    return request.param


@pytest.fixture(params=DIGITS)
def digits(request, tmp_path, monkeypatch):
    """Each prior of digits, with a sensing network of its own."""
    monkeypatch.chdir(tmp_path)
    return request.param


@pytest.fixture(params=PHOTOS)
def photos(request, tmp_path, monkeypatch):
    """Each prior of photos, which knows nothing of how they are measured."""
    monkeypatch.chdir(tmp_path)
    return request.param


def test_there_are_1_bit_and_4_bit_priors_and_all_have_room():
    for kind in ("mnist-{}bit-m100", "photo-{}bit"):
        assert {kind.format(1), kind.format(4)} <= set(zoo_names())
    assert sum(path.stat().st_size for path in FOLDER.glob("*.bitprior")) <= ROOM
    assert all((FOLDER / f"{name}.bitprior").stat().st_size <= PHOTO_ROOM for name in PHOTOS)


def test_a_name_says_what_the_bundle_of_digits_says(digits):
    info = load(digits).info
    dataset, bits, m = digits.split("-")
    assert dataset == info["training"]["dataset"]
    assert bits == f"{info['bits']}bit"
    assert m == f"m{info['measurement']['size']}"
    assert info["training"]["sensing_bits_after_training"] == 8


def test_a_name_says_what_the_bundle_of_photos_says(photos):
    info = load(photos).info
    assert photos == f"photo-{info['bits']}bit"
    assert info["training"]["dataset"] == "photos"
    assert info["frames"] == {"stride": 2}


def test_each_says_what_it_was_trained_on_and_nothing_of_the_machine_it_was_trained_on(name):
    info = load(name).info
    assert all(words in info["licence"] for words in TERMS[name.split("-")[0]])
    assert len(info["training"]["split_hash"]) == 64
    assert os.sep not in (info["training"]["init_from"] or "")


def test_each_verifies(name):
    assert all(check.passed for check in load(name).verify())


def strokes(count):
    """Bars of many places and turns, blurred: [count,1,28,28]."""
    rng = np.random.default_rng(0)
    down, across = np.mgrid[:28, :28] - 13.5
    images = np.empty((count, 1, 28, 28), np.float32)
    for image in images:
        turn, shift = rng.uniform(-0.6, 0.6), rng.uniform(-3, 3)
        along = down * np.cos(turn) + across * np.sin(turn)
        beside = across * np.cos(turn) - down * np.sin(turn) - shift
        image[0] = np.clip(2.2 - np.abs(beside), 0, 1) * np.clip(9.5 - np.abs(along), 0, 1)
    return images


def test_each_recovers_the_digits_it_can_draw(digits):
    model = load(digits)
    drawn = model.generate(model.sense(strokes(8)))  # latents are measurements: D z + R(D z)
    found = model.recover(model.sense(drawn))
    error = np.square(found.image - drawn).mean()
    share = 1 / 20 if model.bundle.manifest.measurement.size >= 100 else 1 / 3
    assert error < share * np.square(drawn - drawn.mean(axis=0)).mean()


def test_each_recovers_a_real_photo_better_than_linear_decoding_does(photos):
    skimage_data = pytest.importorskip("skimage.data")
    photo = skimage_data.camera()[None, None, 100:298:2, 200:332:2].astype(np.float32) / 255
    model, frame = load(photos), photo.shape[2:]
    operator = parse_operator("gaussian-blocks:m=109,size=33,seed=1", frame)
    covariance = model.bundle.search.covariance
    linear = LinearEstimate(operator, covariance, 0.0)
    y = operator.forward(photo)
    gray = np.full_like(photo, covariance.mean)
    estimate = np.clip(gray + linear.estimate(y - operator.forward(gray)), 0, 1)
    found = model.recover(y, operator=operator)
    errors = [np.square(image - photo).mean() for image in (estimate, found.start, found.image)]
    assert 10 * np.log10(errors[0] / errors[2]) > 1.5  # dB
    assert errors[2] < errors[1]


def test_every_verb_takes_the_name_of_a_prior_of_photos(photos, capsys):
    np.save("x.npy", np.full((1, 1, 35, 40), 0.5, np.float32))
    text = "gaussian-blocks:m=30,size=33,seed=1"
    assert run(["info", photos]) == 0
    assert run(["verify", photos]) == 0
    assert run(["sense", photos, "x.npy", "--operator", text, "--out", "y.npz"]) == 0
    assert run(["recover", photos, "y.npz", "--out", "found.png"]) == 0
    assert "Recovered 1 image" in capsys.readouterr().out
    assert Path("found.png").read_bytes().startswith(b"\x89PNG")


def test_every_verb_takes_a_name(digits, capsys):
    name = digits
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
    for line in lines:
        assert all(words in line for words in TERMS[line.split("-")[0]])
        assert ("any operator" in line) == line.startswith("photo-")
    assert run(["zoo", "--json"]) == 0
    priors = json.loads(capsys.readouterr().out)["priors"]
    assert [prior["sensing_bits"] for prior in priors if prior["name"] in DIGITS] == [8] * len(
        DIGITS
    )


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
