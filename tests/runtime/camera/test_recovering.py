"""From readings to a picture: gain, offset, level, noise, and what each method makes of them."""

import json

import cv2
import numpy as np
import pytest

from bitprior_runtime import load
from bitprior_runtime.camera.camera_file import Camera
from bitprior_runtime.camera.detector import Detector
from bitprior_runtime.camera.recovering import (
    ALL_METHODS,
    CameraRecoverer,
    level_apart,
    recover_readings,
)
from bitprior_runtime.cli.main import run
from bitprior_runtime.errors import UsageError
from bitprior_runtime.images.likeness import affine_psnr
from bitprior_runtime.sensing import Matrix
from bitprior_runtime.sensing.projected import Projected
from bitprior_runtime.sensing.with_mean import WithMean
from bitprior_train.photo.leaves import dead_leaves

FRAME = (32, 32)
GAIN, OFFSET = 12.5, 340.0


@pytest.fixture(scope="module")
def model():
    return load("photo-4bit")


@pytest.fixture(scope="module")
def scene():
    """Discs of many sizes, blurred a little, as a lens does."""
    drawn = dead_leaves(1, 64, 5)[0].astype(np.float32) / 255
    return cv2.resize(drawn, FRAME, interpolation=cv2.INTER_AREA)


def patterns(values="01", m=320):
    return f"hadamard:order=sequency,m={m},values={values}"


def read(scene, operator, noise=0.5, offset=OFFSET, seed=0):
    y = operator.forward(scene[np.newaxis, np.newaxis])[0].astype(np.float64)
    drawn = np.random.default_rng(seed).standard_normal(y.shape)
    return GAIN * y + offset + noise * drawn


@pytest.mark.parametrize("values", ["01", "pm"])
def test_the_prior_is_nearer_to_the_scene_than_every_classical_method(model, scene, values):
    camera = Camera(patterns(values), FRAME)
    readings = read(scene, camera.build())
    psnr = {
        method: affine_psnr(recover_readings(model, camera, readings, method).image[0, 0], scene)
        for method in ALL_METHODS
    }
    best = max(value for method, value in psnr.items() if method != "prior")
    assert psnr["prior"] > best + 0.3
    assert psnr["pseudo-inverse"] == min(psnr.values())


def test_a_gain_is_found_up_to_the_contrast_of_the_scene(model, scene):
    camera = Camera(patterns("pm"), FRAME, Detector(pairs="differenced"))
    found = recover_readings(model, camera, read(scene, camera.build(), 4.0, offset=0.0))
    assert GAIN / 3 < found.scale.gain < 3 * GAIN
    assert found.explained > 0.95
    assert found.over_noise is None or found.over_noise < 3


def test_a_known_gain_and_offset_are_kept_and_give_the_level(model, scene):
    camera = Camera(patterns(), FRAME, Detector(gain=GAIN, offset=OFFSET))
    found = recover_readings(model, camera, read(scene, camera.build()))
    assert found.image.mean() == pytest.approx(scene.mean(), abs=0.02)
    assert float(np.abs(found.image[0, 0] - scene).mean()) < 0.08


def test_an_unknown_offset_makes_no_difference_to_the_picture(model, scene):
    camera = Camera(patterns(), FRAME)
    low, high = (
        recover_readings(model, camera, read(scene, camera.build(), offset=offset)).image
        for offset in (0.0, 5000.0)
    )
    assert np.abs(low - high).max() < 5e-3


def test_noise_of_each_reading_counts(model, scene):
    camera = Camera(patterns("pm"), FRAME, Detector(pairs="differenced"))
    operator = camera.build()
    readings = read(scene, operator, 0.0, offset=0.0)
    assert np.abs(readings).min() < 0.1 * np.abs(readings).max()
    photons = 0.02
    sigma = np.sqrt(np.maximum(np.abs(readings), 1) / photons)
    readings = readings + sigma * np.random.default_rng(1).standard_normal(len(readings))
    given = Detector(gain=GAIN, offset=0.0, noise="poisson", photons=photons)
    weighted = CameraRecoverer(model, Camera(camera.operator, FRAME, given))
    problem = weighted.problem(readings)
    left = (problem.y - problem.operator.forward(scene[np.newaxis, np.newaxis]))[0, :-1]
    assert np.std(left) == pytest.approx(problem.noise, rel=0.4)


def test_fewer_patterns_are_the_first_ones(model, scene):
    camera = Camera(patterns(m=512), FRAME)
    readings = read(scene, camera.build())
    half = recover_readings(model, camera, readings, share=0.5)
    cut = readings.copy()
    cut[256:] = 1e6
    assert np.array_equal(recover_readings(model, camera, cut, share=0.5).image, half.image)
    assert half.corrected.used.max() == 255


def test_readings_that_end_early_are_enough(model, scene):
    camera = Camera(patterns(m=512), FRAME)
    found = recover_readings(model, camera, read(scene, camera.build())[:200])
    assert len(found.corrected.y) == 200
    assert affine_psnr(found.image[0, 0], scene) > 15


def test_offset_and_level_are_projected_out_and_the_level_is_one_measurement(model):
    rows = np.random.default_rng(0).integers(0, 2, (40, 64)).astype(np.float32)
    operator = Matrix(rows, (8, 8))
    y = operator.forward(np.full((1, 1, 8, 8), 0.3, np.float32))[0].astype(np.float64)
    covariance = model.bundle.search.covariance
    apart, measured, seen = level_apart(operator, y, Detector(offset=0.0), covariance)
    assert isinstance(apart, WithMean)
    assert seen
    assert np.abs(measured[:-1]).max() < 1e-4
    assert measured[-1] == pytest.approx(apart.level(0.3), rel=1e-5)
    _, moved, seen = level_apart(operator, y + 7, Detector(), covariance)
    assert not seen
    assert moved[-1] == pytest.approx(apart.level(covariance.mean), rel=0.03)


@pytest.mark.parametrize("kind", ["projected", "mean"])
def test_the_adjoint_of_what_recovery_wraps_is_one(kind):
    rng = np.random.default_rng(0)
    inner = Matrix(rng.standard_normal((20, 35)).astype(np.float32), (5, 7))
    operator = WithMean(inner)
    if kind == "projected":
        operator = Projected(inner, rng.standard_normal((20, 2)))
    x = rng.standard_normal((2, 1, 5, 7)).astype(np.float32)
    r = rng.standard_normal((2, operator.size)).astype(np.float32)
    left = np.sum(operator.forward(x).astype(np.float64) * r)
    assert left == pytest.approx(np.sum(x * operator.adjoint(r).astype(np.float64)), rel=1e-5)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"method": "magic"}, "--method prior, pseudo-inverse, tikhonov, tv"),
        ({"share": 0.0}, "a share of the readings above 0"),
        ({"share": 1.5}, "a share of the readings above 0"),
    ],
)
def test_wrong_arguments_end_in_one_line(model, scene, options, expected):
    camera = Camera(patterns(), FRAME)
    with pytest.raises(UsageError, match=expected) as caught:
        recover_readings(model, camera, read(scene, camera.build()), **options)
    assert "\n" not in str(caught.value)


def test_a_prior_without_a_covariance_of_photos_is_refused():
    with pytest.raises(UsageError, match="a photo prior"):
        CameraRecoverer(load("mnist-4bit-m100"), Camera(patterns(), FRAME))


@pytest.fixture
def folder(tmp_path, scene):
    (tmp_path / "camera.toml").write_text(
        f'operator = "{patterns()}"\nframe = "32x32"\n[readings]\nfile = "readings.npy"\n'
    )
    operator = Camera(patterns(), FRAME).build()
    np.save(tmp_path / "readings.npy", read(scene, operator))
    cv2.imwrite(str(tmp_path / "scene.png"), np.rint(255 * scene))
    return tmp_path


def recovered(folder, *words):
    out = str(folder / "out.png")
    return run(["recover", "photo-4bit", "--camera", str(folder / "camera.toml"), "--out", out,
                *words])  # fmt: skip


def test_the_command_line_compares_all_methods_in_one_picture(folder, capsys):
    words = ["--compare", "--reference", str(folder / "scene.png"), "--json"]
    assert recovered(folder, *words) == 0
    figures = json.loads(capsys.readouterr().out)
    assert [row["method"] for row in figures["methods"]] == list(ALL_METHODS)
    assert figures["methods"][0]["psnr"] > figures["methods"][1]["psnr"]
    sheet = cv2.imread(str(folder / "out.png"), cv2.IMREAD_GRAYSCALE)
    assert sheet.shape[1] > 5 * 192


def test_the_readings_file_may_be_named_and_cut_to_a_share(folder, capsys):
    readings = folder / "readings.npy"
    before = readings.read_bytes()
    words = [str(readings), "--readings", "50%", "--method", "tikhonov", "--json"]
    assert recovered(folder, *words) == 0
    assert json.loads(capsys.readouterr().out)["used"] == 160
    assert readings.read_bytes() == before


def test_patterns_that_explain_nothing_fail_when_strict(folder, capsys):
    path = folder / "readings.npy"
    np.save(path, OFFSET + 5 * np.random.default_rng(0).standard_normal(320))
    assert recovered(folder, "--strict") == 1
    assert "Warning: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--readings", "0%"], "--readings as 10% or a number"),
        (["--readings", "many"], "--readings as 10% or a number"),
        (["--operator", "matrix:a.npy"], "--camera without other operators"),
        (["--reference", "missing.png"], "missing.png"),
    ],
)
def test_wrong_options_end_in_one_line(folder, capsys, words, expected):
    assert recovered(folder, *words) == 2
    error = capsys.readouterr().err
    assert expected in error
    assert error.count("\n") == 1


def test_options_of_a_camera_need_one(folder, capsys):
    words = ["recover", "mnist-4bit-m100", str(folder / "readings.npy"), "--out", "x.npy"]
    assert run([*words, "--compare"]) == 2
    assert "--compare with --camera" in capsys.readouterr().err
