"""Generators that nobody here wrote go through the front door and recover an image."""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray

from bitprior_runtime import load
from bitprior_runtime.cli.main import run as run_cli
from bitprior_runtime.model import Model
from builders.strangers import GENERATORS, LATENT, RANGES, Name, export_stranger, latents, save_onnx

MEASUREMENTS = 96


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("strangers")
    for name in GENERATORS:
        export_stranger(name, folder / f"{name}.onnx")
    return folder


def through_the_door(folder: Path, name: Name, out: Path, *options: str) -> Model:
    arguments = ["--generator", str(folder / f"{name}.onnx"), "--out", str(out)]
    operator = ["--sensing", f"gaussian:m={MEASUREMENTS},seed=0", "--range", RANGES[name]]
    assert run_cli(["export", *arguments, *operator, *options]) == 0
    return load(out)


def hidden_image(model: Model) -> NDArray[np.float32]:
    return model.generate(np.random.default_rng(42).standard_normal((1, LATENT), dtype=np.float32))


def psnr(found: NDArray[np.float32], true: NDArray[np.float32]) -> float:
    return float(-10 * np.log10(np.mean((found - true) ** 2) + 1e-12))


@pytest.mark.parametrize("name", GENERATORS)
def test_a_strangers_generator_recovers_an_image(folder: Path, tmp_path: Path, name: Name) -> None:
    model = through_the_door(folder, name, tmp_path / "m.bitprior")
    truth = hidden_image(model)
    found = model.recover(model.sense(truth), solver="adam", steps=250, step_size=0.05, restarts=4)
    assert found.loss[0] < 0.1 * found.history[0, 0]
    assert psnr(found.image, truth) > 25
    assert all(check.passed for check in model.verify())


@pytest.mark.parametrize("name", GENERATORS)
def test_a_strangers_program_draws_what_onnxruntime_draws(
    folder: Path, tmp_path: Path, name: Name
) -> None:
    model = through_the_door(folder, name, tmp_path / "m.bitprior")
    z = latents(name, rows=5)
    session = onnxruntime.InferenceSession(folder / f"{name}.onnx")
    (expected,) = session.run(None, {"z": z.numpy()})
    if RANGES[name] == "-1,1":
        expected = expected / 2 + 0.5
    found = model.generate(z.reshape(5, LATENT).numpy())
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)


def test_torchs_newer_exporter_is_understood(tmp_path: Path) -> None:
    name: Name = "shuffler"  # Softplus and reshapes look different there
    module = export_stranger(name, tmp_path / f"{name}.onnx", dynamo=True)
    model = through_the_door(tmp_path, name, tmp_path / "m.bitprior")
    z = latents(name, rows=3)
    with torch.no_grad():
        expected = module(z).numpy()
    np.testing.assert_allclose(model.generate(z.numpy()), expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("name", GENERATORS)
def test_a_fixed_batch_becomes_a_free_one(tmp_path: Path, name: Name) -> None:
    module = export_stranger(name, tmp_path / f"{name}.onnx", free=False)
    model = through_the_door(tmp_path, name, tmp_path / "m.bitprior")
    z = latents(name, rows=6)
    with torch.no_grad():
        expected = module(z).numpy()
    if RANGES[name] == "-1,1":
        expected = expected / 2 + 0.5
    found = model.generate(z.reshape(6, LATENT).numpy())
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)


def test_eight_bits_after_training_cost_less_than_half_a_decibel(
    folder: Path, tmp_path: Path
) -> None:
    whole = through_the_door(folder, "vae", tmp_path / "float.bitprior")
    small = through_the_door(folder, "vae", tmp_path / "small.bitprior", "--weight-bits", "8")
    assert small.bundle.manifest.bits == 8
    # An image that neither generator draws exactly, as real ones are.
    noise = np.random.default_rng(5).standard_normal((1, 1, 16, 16), dtype=np.float32)
    truth = np.clip(hidden_image(whole) + np.float32(0.03) * noise, 0, 1)
    quality = []
    for model in (whole, small):
        y = model.sense(truth)
        found = model.recover(y, solver="adam", steps=250, step_size=0.05, restarts=4)
        quality.append(psnr(found.image, truth))
    assert quality[0] > 25
    assert quality[0] - quality[1] < 0.5
    float_bytes, small_bytes = (model.info["bytes"]["generator"] for model in (whole, small))
    assert small_bytes < 0.35 * float_bytes


@pytest.mark.parametrize("bits", [1, 3, 4])
def test_every_width_after_training_is_verified_and_packed(
    folder: Path, tmp_path: Path, bits: int
) -> None:
    model = through_the_door(
        folder, "resnet", tmp_path / "m.bitprior", "--weight-bits", str(bits), "--sensing-bits", "8"
    )
    manifest = model.bundle.manifest
    assert manifest.bits == bits
    assert manifest.grid == {1: "binary", 3: "mid-rise", 4: "narrow"}[bits]
    assert manifest.granularity == "per-channel"
    assert all(check.passed for check in model.verify())
    layers = [row for row in model.info["layers"] if row["weights"] > 0]
    assert {row["bits"] for row in layers if row["program"] == "sensing"} == {8}


def test_the_bundle_says_where_it_comes_from(folder: Path, tmp_path: Path) -> None:
    model = through_the_door(
        folder, "vae", tmp_path / "m.bitprior", "--name", "faces", "--licence", "CC0",
        "--latent-distribution", "clamped-normal", "--solver", "lbfgs", "--steps", "33",
        "--step-size", "0.001",
    )  # fmt: skip
    manifest = model.bundle.manifest
    assert (manifest.name, manifest.licence) == ("faces", "CC0")
    assert (manifest.geometry, manifest.latent) == ((1, 16, 16), LATENT)
    assert (manifest.measurement.kind, manifest.measurement.size) == ("gaussian", MEASUREMENTS)
    solver = manifest.solver
    assert (solver.name, solver.steps, solver.step_size) == ("lbfgs", 33, 0.001)
    assert solver.initial_latent == "clamped-normal"
    training = manifest.training
    assert training["operator"] == {"kind": "gaussian", "m": MEASUREMENTS, "seed": 0}
    assert training["golden_images"] == "drawn by the generator from latents of seed 1"
    assert set(training["sources"]) == {"vae.onnx"}
    assert training["step_size"] == "given"


def test_a_step_size_is_found_along_which_losses_fall(folder: Path, tmp_path: Path) -> None:
    model = through_the_door(folder, "shuffler", tmp_path / "m.bitprior")
    golden = model.bundle.golden
    assert (np.diff(golden.trace, axis=0) <= 1e-6 * golden.trace[:-1]).all()
    assert model.bundle.manifest.training["step_size"] == "found by backtracking"


def test_the_same_files_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        through_the_door(folder, "vae", tmp_path / f"{name}.bitprior")
    assert (tmp_path / "a.bitprior").read_bytes() == (tmp_path / "b.bitprior").read_bytes()


def test_real_images_may_make_the_golden_cases(folder: Path, tmp_path: Path) -> None:
    images = np.random.default_rng(0).random((5, 1, 16, 16), dtype=np.float32)
    np.savez(tmp_path / "real.npz", images=images)
    model = through_the_door(
        folder, "vae", tmp_path / "m.bitprior", "--images", str(tmp_path / "real.npz")
    )
    measured = model.sense(images)
    for y in model.bundle.golden.measurements:
        assert np.abs(measured - y).max(axis=1).min() < 1e-5
    assert model.bundle.manifest.training["golden_images"] == "real.npz, 5 images"


def test_a_sensing_network_may_be_a_file(folder: Path, tmp_path: Path) -> None:
    class Sensing(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.layer = torch.nn.Linear(256, 20)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer(x)

    path, out = tmp_path / "flat.onnx", tmp_path / "m.bitprior"
    save_onnx(Sensing().eval(), torch.zeros(2, 256), path)
    arguments = ["--generator", str(folder / "vae.onnx"), "--sensing", str(path)]
    assert run_cli(["export", *arguments, "--out", str(out)]) == 0
    model = load(out)
    manifest = model.bundle.manifest
    assert (manifest.measurement.kind, manifest.measurement.size) == ("network", 20)
    assert set(manifest.training["sources"]) == {"vae.onnx", "flat.onnx"}
    assert manifest.training["operator"] is None


@pytest.mark.parametrize(
    ("operator", "kind", "size"),
    [
        ("rademacher:m=20,seed=3", "rademacher", 20),
        ("mask:keep=0.25", "mask", 256),
        ("superres:factor=4", "superres", 16),
        ("identity", "identity", 256),
    ],
)
def test_every_operator_makes_a_verified_bundle(
    folder: Path, tmp_path: Path, operator: str, kind: str, size: int
) -> None:
    out = tmp_path / "m.bitprior"
    arguments = ["--generator", str(folder / "vae.onnx"), "--sensing", operator]
    assert run_cli(["export", *arguments, "--out", str(out)]) == 0
    measurement = load(out).bundle.manifest.measurement
    assert (measurement.kind, measurement.size) == (kind, size)


# What is refused


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--generator", "G"], "nor --sensing"),
        (["--sensing", "identity"], "nor --generator"),
        ([], "nor --generator"),
        (["RUN", "--generator", "G", "--sensing", "identity"], "both"),
        (["RUN", "--sensing", "identity"], "without --sensing"),
        (["RUN", "--weight-bits", "4"], "--weight-bits"),
        (["--generator", "G", "--sensing", "gausian:m=3"], "gaussian:m=250"),
        (["--generator", "G", "--sensing", "gaussian:m=0"], "m=0"),
        (["--generator", "G", "--sensing", "gaussian"], "gaussian:m=250"),
        (["--generator", "G", "--sensing", "none.onnx"], "none.onnx"),
        (["--generator", "none.onnx", "--sensing", "identity"], "none.onnx"),
        (["--generator", "G", "--sensing", "superres:factor=5"], "must divide"),
        (["--generator", "G", "--sensing", "identity", "--range", "0,255"], "0,255"),
        (["--generator", "G", "--sensing", "identity", "--steps", "0"], "steps"),
        (["--generator", "G", "--sensing", "identity", "--name", "n" * 200], "--name"),
        (["--generator", "G", "--sensing", "identity", "--licence", "a\x1b[2Jb"], "--licence"),
        (["--generator", "G", "--sensing", "identity", "--step-size", "0"], "step-size"),
        (["--generator", "G", "--sensing", "identity", "--images", "none.npz"], "none.npz"),
        (["--generator", "G", "--sensing", "G"], "images [1, 16, 16]"),
    ],
)
def test_wrong_arguments_are_one_line_and_exit_status_2(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    named = [str(folder / "vae.onnx") if text == "G" else text for text in arguments]
    assert run_cli(["export", *named, "--out", "m.bitprior"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert list(tmp_path.iterdir()) == []


def test_the_wrong_range_is_noticed(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--generator", str(folder / "resnet.onnx"), "--sensing", "identity"]
    assert run_cli(["export", *arguments, "--out", str(tmp_path / "m.bitprior")]) == 2
    assert "--range -1,1" in capsys.readouterr().err


def test_export_prints_json_for_strangers_too(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    through_the_door(folder, "vae", tmp_path / "m.bitprior", "--json")
    assert json.loads(capsys.readouterr().out)["bits"] == 32


def test_a_network_with_limits_is_checked_within_them(tmp_path: Path) -> None:
    class Positive(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.layer = torch.nn.Linear(LATENT, 48)

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            h = torch.exp(2 * self.layer(z))  # overflows for latents a hundred times too large
            return (h / (h + 1)).reshape(-1, 3, 4, 4)

    save_onnx(Positive().eval(), torch.zeros(2, LATENT), tmp_path / "positive.onnx")
    arguments = ["--generator", str(tmp_path / "positive.onnx"), "--sensing", "identity"]
    assert run_cli(["export", *arguments, "--out", str(tmp_path / "m.bitprior")]) == 0
