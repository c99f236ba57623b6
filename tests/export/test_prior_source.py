"""A prior trained alone, exported with an operator, whole and cut."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from bitprior_export.errors import InterfaceError, RunRecordError, UnfinishedRunError
from bitprior_export.exporter import ExportOptions, export_run
from bitprior_export.prior_source import is_prior_run, prior_source
from bitprior_runtime import load
from bitprior_runtime.cli.main import run as run_cli
from bitprior_runtime.errors import UsageError
from builders.prior_runs import GEOMETRY, LICENCE, make_prior_run
from builders.runs import make_run

OPERATOR = "gaussian:m=30,seed=3"


@pytest.fixture(scope="module")
def dcgan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_prior_run(tmp_path_factory.mktemp("runs") / "dcgan")


@pytest.fixture(scope="module")
def cut_began(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """BEGAN cut behind its first stage: two latents, of which one skips to later stages."""
    folder = tmp_path_factory.mktemp("runs")
    run, out = make_prior_run(folder / "began", "began"), folder / "began.bitprior"
    assert (
        run_cli(["export", str(run), "--sensing", OPERATOR, "--cut", "2", "--out", str(out)]) == 0
    )
    return out


def test_a_run_knows_whether_it_is_a_prior(tmp_path: Path, dcgan: Path) -> None:
    assert is_prior_run(dcgan)
    assert not is_prior_run(make_run(tmp_path / "whole"))
    assert not is_prior_run(tmp_path / "none")


def test_the_bundle_says_where_the_prior_and_the_operator_come_from(dcgan: Path) -> None:
    source = prior_source(dcgan, OPERATOR, sensing_bits=8)
    assert source.name == "noise-dcgan-4bit"
    assert (source.latent, source.geometry, source.measurements) == (4, GEOMETRY, 30)
    assert source.measurement == "gaussian"
    assert source.licence == LICENCE
    np.testing.assert_array_equal(source.images, np.load(dcgan / "samples.npz")["images"])
    assert source.training["operator"] == {"kind": "gaussian", "m": 30, "seed": 3}
    assert source.training["sensing_bits_after_training"] == 8
    assert source.training["init_from"] == "float"
    generator = (dcgan / "generator.onnx").read_bytes()
    assert source.training["sources"] == {"generator.onnx": hashlib.sha256(generator).hexdigest()}


def test_a_whole_prior_recovers_as_generator_surgery_does(dcgan: Path) -> None:
    solver = prior_source(dcgan, OPERATOR).solver
    assert (solver.name, solver.initial_latent) == ("lbfgs", "clamped-normal")
    assert (solver.steps, solver.sparsity) == (500, None)


def test_latents_of_a_cut_with_skips_are_in_the_bundle(cut_began: Path) -> None:
    manifest = load(cut_began).bundle.manifest
    assert list(manifest.latents.values()) == [(2, 16, 16), (2, 8, 8)]
    assert manifest.latent == 2 * 256 + 2 * 64
    assert manifest.bits == 4
    assert manifest.training["cut"] == "2"
    assert manifest.calibration is not None


@pytest.mark.parametrize(
    ("engine", "kernel"),
    [("float", "native"), ("integer", "numpy"), ("integer", "native"), ("onnx", "onnxruntime")],
)
def test_every_engine_recovers_with_a_cut_prior(cut_began: Path, engine: str, kernel: str) -> None:
    model = load(cut_began)
    x = model.generate(model.bundle.golden.latents[:2]).clip(0, 1)
    y = model.sense(x)
    exact = model.recover(y, engine="float", kernel="numpy", steps=20)
    found = model.recover(y, engine=engine, kernel=kernel, steps=20)
    assert (found.history[-1] < 0.1 * found.history[0]).all()
    errors = [np.square(each.image - x).mean() for each in (exact, found)]
    assert abs(10 * np.log10(errors[1] / errors[0])) < 0.5


@pytest.mark.parametrize("bits", [8, 16])
def test_images_losses_and_gradients_are_the_same_bits_on_both_kernels(
    cut_began: Path, bits: int
) -> None:
    golden, model = load(cut_began).bundle.golden, load(cut_began)
    numpy, native = (
        model.engine("integer", kernel, activation_bits=bits) for kernel in ("numpy", "native")
    )
    assert numpy.generate(golden.latents).tobytes() == native.generate(golden.latents).tobytes()
    for found, wanted in zip(
        native.value_and_grad(golden.latents, golden.measurements),
        numpy.value_and_grad(golden.latents, golden.measurements),
        strict=True,
    ):
        assert found.tobytes() == wanted.tobytes()


def test_a_file_may_measure_too(tmp_path: Path, dcgan: Path) -> None:
    other = make_run(tmp_path / "other")
    with pytest.raises(InterfaceError, match="sensing network from the generator's images"):
        prior_source(dcgan, str(other / "sensing.onnx"))


def test_a_prior_without_an_operator_is_refused(tmp_path: Path, dcgan: Path) -> None:
    with pytest.raises(UsageError, match="--sensing with a RUN of a prior"):
        export_run(dcgan, tmp_path / "m.bitprior")
    assert list(tmp_path.iterdir()) == []


def test_an_operator_for_a_run_that_has_its_own_is_refused(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    with pytest.raises(UsageError, match="without --sensing"):
        export_run(run, tmp_path / "m.bitprior", ExportOptions(), sensing=OPERATOR)


def test_an_unfinished_prior_is_refused(tmp_path: Path) -> None:
    run = make_prior_run(tmp_path / "run")
    (run / "generator.onnx").unlink()
    with pytest.raises(UnfinishedRunError, match=r"generator\.onnx"):
        prior_source(run, OPERATOR)


@pytest.mark.parametrize(
    ("field", "value"), [("bits", 3), ("latent", 5), ("geometry", [3, 64, 32])]
)
def test_a_record_of_another_generator_is_refused(
    tmp_path: Path, dcgan: Path, field: str, value: object
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    for name in ("generator.onnx", "samples.npz"):
        (run / name).write_bytes((dcgan / name).read_bytes())
    record = json.loads((dcgan / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**record, field: value}))
    with pytest.raises(RunRecordError):
        prior_source(run, OPERATOR)
