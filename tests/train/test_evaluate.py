"""What an evaluation says of each prior is true, and its commands make it again."""

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bitprior_export.bundle.writer import write_bundle
from bitprior_export.report import read_findings
from bitprior_runtime import load
from bitprior_runtime.cli.main import run as bitprior
from bitprior_runtime.images.png import to_bytes
from bitprior_train.config import TrainConfig
from bitprior_train.data import load_dataset
from bitprior_train.evaluate_rows import system_name
from bitprior_train.session import Request, resolve_config
from bitprior_train.train_command import making_commands
from bitprior_train.weight_histogram import weight_histogram
from builders.bundles import tiny_bundle

TINY = ["--set=model.hidden=[12]", "--set=model.sensing_hidden=[12]", "--set=model.latent=6"]
SHORT = ["--steps", "4", "--measurements", "9", "--sparsity", "4", "--seed", "3"]
PHASE = ["--set=model.sensing=rademacher", "--set=model.phase=amplitude"]
IMAGES = 12


def train(folder: Path, name: str, *options: str) -> None:
    """Train and export a tiny prior of digits."""
    run, out = str(folder / "runs" / name), str(folder / f"{name}.bitprior")
    assert bitprior(["train", "digits", "--out", run, *SHORT, *TINY, *options]) == 0
    assert bitprior(["export", run, "--out", out, "--targets", "none"]) == 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluate")
    (folder / "runs").mkdir()
    train(folder, "full", "--bits", "32")
    train(folder, "low", "--bits", "2", "--init-from", str(folder / "runs/full"))
    train(folder, "phase", "--bits", "1", *PHASE)
    return folder


def evaluate(folder: Path, out: Path, *arguments: str) -> dict[str, Any]:
    bundles = [str(folder / f"{name}.bitprior") for name in ("low", "phase")]
    options = ["--dataset", "digits", "--images", str(IMAGES), *arguments]
    assert bitprior(["evaluate", *bundles, *options, "--out", str(out)]) == 0
    found: dict[str, Any] = json.loads(out.read_text())
    return found


@pytest.fixture(scope="module")
def found(folder: Path) -> dict[str, Any]:
    options = ["--solver", "proximal", "--steps", "7", "--restarts", "2", "--components", "3"]
    return evaluate(folder, folder / "found.json", *options)


def test_a_row_says_what_the_prior_is(found: dict[str, Any], folder: Path) -> None:
    low, phase = found["rows"]
    assert (low["system"], low["bits"], low["measurements"]) == ("2-bit Q-GEN", 2, 9)
    assert (low["sensing"], phase["sensing"]) == ("mlp", "phase-rademacher-amplitude")
    assert (low["seed"], low["training_sparsity"], low["sensing_bits"]) == (3, 4, 32)
    assert low["digest"] == load(folder / "low.bitprior").info["digest"]
    assert low["bytes"]["bundle"] == (folder / "low.bitprior").stat().st_size
    assert low["training"]["init_from"] == "full", "no folder of this machine"
    assert low["psnr"]["half_width"] > 0
    assert low["psnr"]["count"] == IMAGES
    assert low["recovery_ms"] > 0


def test_a_row_says_how_it_was_run(found: dict[str, Any], folder: Path) -> None:
    low = found["rows"][0]
    solver = low["solver"]
    trained = json.loads((folder / "runs/low/run.json").read_text())
    assert (solver["name"], solver["steps"], solver["sparsity"]) == ("proximal", 7, 4)
    assert solver["step_size"] == pytest.approx(trained["step_size"])
    assert (solver["momentum"], solver["line_search"]) == (False, False)
    assert (low["restarts"], low["mirrored"], low["engine"]) == (2, False, "float")
    assert low["kernel"] in ("native", "numpy")
    assert len(low["commit"].removesuffix("-dirty")) >= 7
    assert "cores" in low["machine"]


def test_phase_retrieval_is_mirrored_and_says_how_often_it_succeeds(found: dict[str, Any]) -> None:
    low, phase = found["rows"]
    assert phase["mirrored"]
    assert 0 <= phase["success_rate"] <= 1
    assert low["success_rate"] is None


def test_another_sparsity_and_solver_are_in_the_row(folder: Path, tmp_path: Path) -> None:
    found = evaluate(folder, tmp_path / "s.json", "--solver", "proximal", "--sparsity", "2")
    assert [row["solver"]["sparsity"] for row in found["rows"]] == [2, 2]
    found = evaluate(folder, tmp_path / "adam.json", "--solver", "adam", "--steps", "3")
    assert (found["rows"][0]["solver"]["name"], found["rows"][0]["solver"]["steps"]) == ("adam", 3)


def test_the_command_in_the_result_gives_the_result_again(
    folder: Path, found: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    program, *arguments = shlex.split(found["command"])
    assert program == "bitprior"
    assert not any("/" in argument for argument in arguments)
    assert bitprior([*arguments, "--out", "again.json"]) == 0
    again = json.loads(Path("again.json").read_text())
    for key in ("psnr", "ssim", "solver", "success_rate", "digest", "weights"):
        assert [row[key] for row in again["rows"]] == [row[key] for row in found["rows"]]
    assert again["baselines"] == found["baselines"]


def test_the_report_reads_what_evaluate_writes(folder: Path, found: dict[str, Any]) -> None:
    by_name = {result.name: result for result in read_findings(folder).results}
    result = by_name["found"]
    assert [row.psnr.mean for row in result.rows] == [row["psnr"]["mean"] for row in found["rows"]]
    samples = result.samples
    assert samples is not None
    data = load_dataset("digits", 0, 200)
    np.testing.assert_array_equal(samples.original, to_bytes(data.images(data.test[:8])))
    assert samples.recovered.shape == (2, 8, 1, 8, 8)


@pytest.mark.parametrize("name", ["low", "phase"])
def test_the_commands_of_a_bundle_train_it_again(
    name: str, folder: Path, found: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("runs").mkdir()
    Path("runs/full").symlink_to(folder / "runs/full")
    (row,) = [row for row in found["rows"] if row["bundle"] == name]
    for command in row["made_by"]:
        assert bitprior(shlex.split(command)[1:]) == 0
    before, after = (load(where / f"{name}.bitprior") for where in (folder, tmp_path))
    assert after.info["training"]["config"] == before.info["training"]["config"]
    assert after.info["training"]["step_size"] == before.info["training"]["step_size"]


def configurations() -> dict[str, TrainConfig]:
    asked = {
        "mnist": Request("mnist", Path()),
        "digits at 1 bit": Request("digits", Path(), options={"quantiser": {"bits": 1}}),
        "dcs": Request("mnist", Path(), system="dcs"),
        "narrow latent": Request("digits", Path(), overrides=("model.latent=20",)),
        "texts and lists": Request(
            "cifar10", Path(), overrides=("optimiser.schedule=constant", "validation.steps=[3,4]")
        ),
    }
    for recipe in ("paper", "best"):
        options = {"quantiser": {"bits": 2}, "optimiser": {"steps": 9}}
        asked[recipe] = Request("svhn", Path(), recipe=recipe, options=options)
    return {name: resolve_config(request) for name, request in asked.items()}


@pytest.mark.parametrize("name", configurations())
def test_the_training_command_leads_to_the_configuration(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configurations()[name]
    requests: list[Request] = []
    monkeypatch.setattr(
        "bitprior_train.session.run_session", lambda asked, json_mode: requests.append(asked)
    )
    command, _ = making_commands({"config": config.model_dump(mode="json")}, "name")
    assert bitprior(shlex.split(command)[1:]) == 0
    assert resolve_config(requests[0]) == config
    assert requests[0].recipe in (name, None) or name not in ("paper", "best")
    if name in ("paper", "best"):
        assert requests[0].recipe == name, "the shortest command"


def test_an_unknown_origin_has_no_commands_and_no_system() -> None:
    assert making_commands({}, "name") == []
    assert making_commands({"config": {"data": {"name": "later"}}}, "name") == []
    assert making_commands({"config": 7}, "name") == []
    assert system_name(4, {}) == "4-bit prior"
    assert system_name(32, {"config": {}, "system": "dcs"}) == "32-bit DCS"
    assert system_name(32, {"config": {}}) == "32-bit SDLSS"


def test_sensing_bits_are_in_the_export_command() -> None:
    config = configurations()["mnist"].model_dump(mode="json")
    training = {"config": config, "sensing_bits_after_training": 8, "init_from": "/far/away/start"}
    train_command, export_command = making_commands(training, "name")
    assert "--init-from runs/start" in train_command
    assert export_command == "bitprior export runs/name --out name.bitprior --sensing-bits 8"


def test_a_histogram_counts_levels_or_bins(tmp_path: Path) -> None:
    write_bundle(tmp_path / "b.bitprior", tiny_bundle())
    generator = load(tmp_path / "b.bitprior").bundle.generator
    levels = weight_histogram(generator)
    assert levels["unit"] == "level"
    assert sum(levels["share"]) == pytest.approx(1, abs=1e-4)
    codes = [t.integers().ravel() for t in generator.tensors.values() if hasattr(t, "integers")]
    zeros = float(np.mean(np.concatenate(codes) == levels["at"][0]))
    assert levels["share"][0] == pytest.approx(zeros, abs=1e-6)


def test_float_weights_are_binned_by_their_deviation(folder: Path) -> None:
    found = weight_histogram(load(folder / "full.bitprior").bundle.generator)
    assert found["unit"] == "deviation"
    assert sum(found["share"]) == pytest.approx(1, abs=1e-4)
    assert found["at"][0] == -found["at"][-1]
    centre = np.average(found["at"], weights=found["share"])
    assert abs(centre) < 0.5
