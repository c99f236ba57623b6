"""What ``bitprior export`` writes beside a bundle, and what a cut makes of it."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from bitprior_export.artefacts import qonnx_files
from bitprior_runtime import load
from bitprior_runtime.cli.main import run as run_cli
from builders.runs import make_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "run")


def export(run: Path, out: Path, *flags: str) -> int:
    return run_cli(["export", str(run), "--out", str(out), *flags])


def test_qonnx_files_carry_the_quantisers_and_what_they_are(tmp_path: Path, run: Path) -> None:
    assert export(run, tmp_path / "m.bitprior", "--targets", "qonnx") == 0
    folder = tmp_path / "m-qonnx"
    assert sorted(path.name for path in folder.iterdir()) == ["generator.onnx", "sensing.onnx"]
    generator = onnx.load(folder / "generator.onnx")
    assert "Quant" in {node.op_type for node in generator.graph.node}
    assert {"bitprior.bits", "bitprior.geometry"} <= {e.key for e in generator.metadata_props}


def test_qonnx_files_that_compute_something_else_are_not_written(
    tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    right = qonnx_files.execute

    def wrong(model, inputs):
        found = dict(right(model, inputs))
        output = model.graph.output[0].name
        return {**found, output: found[output] * 1.001}

    monkeypatch.setattr(qonnx_files, "execute", wrong)
    assert export(run, tmp_path / "m.bitprior", "--targets", "qonnx") == 1
    assert list(tmp_path.iterdir()) == []
    assert "generator.onnx" in capsys.readouterr().err


def test_the_training_target_says_what_its_python_lacks(
    tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(run, tmp_path / "m.bitprior", "--targets", "onnx-training") == 1
    assert "onnxruntime-training-cpu==1.19.2" in capsys.readouterr().err
    monkeypatch.setenv("BITPRIOR_TRAINING_PYTHON", str(tmp_path / "no-python"))
    assert export(run, tmp_path / "m.bitprior", "--targets", "onnx-training") == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "flags",
    [
        ("--targets", "everything"),
        ("--targets", "none,onnx"),
        ("--targets", "qonnx", "--onnx", "x"),
        ("--cut", "nowhere"),
    ],
)
def test_what_cannot_be_is_a_usage_error(tmp_path: Path, run: Path, flags: tuple[str, ...]) -> None:
    assert export(run, tmp_path / "m.bitprior", *flags) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_cut_run_is_a_bundle_with_a_solver_for_its_latent(tmp_path: Path, run: Path) -> None:
    whole, left = tmp_path / "whole.bitprior", tmp_path / "cut.bitprior"
    assert export(run, whole, "--targets", "none") == 0
    assert export(run, left, "--cut", "1") == 0
    manifest = load(left).bundle.manifest
    assert manifest.latent > load(whole).bundle.manifest.latent
    assert (manifest.solver.name, manifest.solver.initial_latent) == ("lbfgs", "clamped-normal")
    assert manifest.training["cut"] == "1"
    model = load(left)
    recovery = model.recover(model.bundle.golden.measurements, steps=30)
    assert recovery.solver == "lbfgs"
    assert np.median(recovery.loss) < 0.1 * np.median(recovery.history[0])
