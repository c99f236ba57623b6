"""Systems, recipes, fixed sensing and distillation, from the command line to the bundle."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bitprior_export.exporter import ExportOptions, export_run
from bitprior_runtime.errors import UsageError
from bitprior_runtime.model import Model, load
from bitprior_runtime.solvers import initial_latents
from bitprior_train.networks import load_networks
from bitprior_train.parity import compare_with_torch
from bitprior_train.presets import RECIPES, SYSTEMS, preset_names
from bitprior_train.session import Request, resolve_config, train_run
from bitprior_train.settings import read_preset, resolve

TINY = (
    "model.hidden=[12]",
    "model.sensing_hidden=[12]",
    "model.measurements=6",
    "optimiser.batch=8",
    "optimiser.steps=3",
    "optimiser.warmup=0",
    "validation.images=4",
    "validation.steps=[2]",
)


def request(out: Path, *overrides: str, **choices: Any) -> Request:
    return Request("digits", out, overrides=(*TINY, *overrides), **choices)


def run(out: Path, *overrides: str, **choices: Any) -> dict[str, Any]:
    train_run(request(out, *overrides, **choices))
    record: dict[str, Any] = json.loads((out / "run.json").read_text())
    return record


def exported(folder: Path, *, onnx: bool = False) -> Model:
    options = ExportOptions(onnx_dir=folder / "onnx" if onnx else None)
    export_run(folder, folder / "x.bitprior", options)
    return load(folder / "x.bitprior")


@pytest.fixture(scope="module")
def float_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("float") / "run"
    run(folder)
    return folder


def test_every_system_and_recipe_is_a_configuration(tmp_path: Path) -> None:
    assert preset_names(SYSTEMS) == ("dcs", "sdlss")
    assert preset_names(RECIPES) == ("best", "paper")
    for kind in (SYSTEMS, RECIPES):
        for name in preset_names(kind):
            resolve(read_preset("mnist"), [read_preset(name, kind)])


def test_an_unknown_system_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a system out of dcs, sdlss; found 'cs'"):
        resolve_config(request(tmp_path, system="cs"))


def test_dcs_is_as_its_authors_code_has_it(tmp_path: Path) -> None:
    config = resolve(read_preset("mnist"), [read_preset("dcs", SYSTEMS)])
    assert config.system.joint
    assert config.system.projection == "unit-sphere"
    assert (config.model.latent, config.model.sparsity) == (100, 100)
    assert (config.inner.steps, config.inner.step_size, config.inner.order) == (3, 0.01, "second")
    assert config.loss.gradient_difference == 0
    assert (config.optimiser.lr, config.optimiser.batch) == (1e-4, 64)
    assert config.quantiser.bits == 32


def test_dcs_has_32_bits(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="32"):
        resolve_config(request(tmp_path, "quantiser.bits=4", system="dcs"))


def test_dcs_has_no_sparsity(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="sparsity 5"):
        resolve_config(request(tmp_path, "model.sparsity=5", system="dcs"))


def test_a_dcs_bundle_recovers_on_the_unit_sphere_as_torch_does(tmp_path: Path) -> None:
    record = run(tmp_path, system="dcs")
    assert record["system"] == "dcs"
    model = exported(tmp_path, onnx=True)  # recover.onnx is checked against the float engine
    assert model.bundle.manifest.training["system"] == "dcs"
    assert model.bundle.manifest.name == "digits-dcs-32bit"
    assert "projected to the unit-sphere" in model.describe()
    solver = model.bundle.manifest.solver
    assert solver.projection == "unit-sphere"
    images = model.bundle.golden.images[:2]
    found = model.recover(model.sense(images), steps=4)
    np.testing.assert_allclose(np.linalg.norm(found.latent, axis=1), 1, rtol=1e-5)

    from bitprior_runtime.proximal_defaults import proximal_options

    (z0,) = initial_latents(2, 100, 0)
    parity = compare_with_torch(model, tmp_path, images, z0, proximal_options(solver, 4))
    assert parity.trace_float64 < 1e-6


@pytest.mark.parametrize("bits", [1, 3])
def test_the_papers_quantiser_has_one_scale_a_tensor_from_the_weights(
    tmp_path: Path, bits: int
) -> None:
    record = run(tmp_path, f"quantiser.bits={bits}", recipe="paper")
    assert record["granularity"] == "tensor"
    assert record["scale"] == ("mean-abs" if bits == 1 else "max-abs")
    model = exported(tmp_path)
    assert model.bundle.manifest.granularity == "per-tensor"


@pytest.mark.parametrize("bits", [2, 4])
@pytest.mark.parametrize("granularity", ["tensor", "channel"])
def test_mid_rise_weights_reach_the_bundle_exactly(
    tmp_path: Path, bits: int, granularity: str
) -> None:
    record = run(
        tmp_path,
        f"quantiser.bits={bits}",
        "quantiser.grid=mid-rise",
        f"quantiser.granularity={granularity}",
    )
    model = exported(tmp_path)
    assert model.bundle.manifest.grid == "mid-rise"
    weight = model.bundle.generator.tensors["layers.0.weight"]
    ours = load_networks(tmp_path).generator.state_dict()["layers.0.weight"]
    stored = weight.values()  # type: ignore[union-attr]
    np.testing.assert_allclose(stored, ours.numpy(), rtol=1e-6)
    levels = record["levels"]["layers.0.weight"]
    odd = range(1 - 2**bits, 2**bits, 2)
    assert set(map(int, levels)) <= set(odd)
    assert sum(levels.values()) == ours.numel()
    assert record["zeros"]["layers.0.weight"] == 0


def test_the_best_recipe_follows_the_float_prior(tmp_path: Path, float_run: Path) -> None:
    few = ("quantiser.bits=2", "run.log_every=1", "following.steps=4", "following.images=20")
    record = run(tmp_path, *few, recipe="best", init_from=float_run)
    assert record["config"]["loss"]["distillation"] > 0
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert all(line["distillation"] > 0 for line in lines if line["kind"] == "train")
    assert all(line["levels"] for line in lines if line["kind"] == "validation")


def test_distillation_needs_a_prior_to_follow(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="none; name it with --init-from"):
        train_run(request(tmp_path, "quantiser.bits=2", recipe="best"))


def test_distillation_needs_a_float_prior(tmp_path: Path) -> None:
    run(tmp_path / "two", "quantiser.bits=2")
    asked = request(tmp_path / "run", "quantiser.bits=2", recipe="best", init_from=tmp_path / "two")
    with pytest.raises(UsageError, match="32-bit run"):
        train_run(asked)


@pytest.mark.parametrize("phase", ["none", "amplitude", "squared"])
@pytest.mark.parametrize("kind", ["gaussian", "rademacher"])
def test_fixed_matrices_are_exported_as_they_were_trained_with(
    tmp_path: Path, kind: str, phase: str
) -> None:
    record = run(tmp_path, f"model.sensing={kind}", f"model.phase={phase}", "model.sensing_seed=4")
    assert record["config"]["loss"]["s_rec"] == 0
    assert record["parameters"]["sensing"] == 0
    model = exported(tmp_path)
    measured = kind if phase == "none" else f"phase-{kind}-{phase}"
    assert model.bundle.manifest.measurement.kind == measured
    images = model.bundle.golden.images
    wanted = load_networks(tmp_path).sensing(torch.from_numpy(images.copy())).numpy()
    np.testing.assert_allclose(model.sense(images), wanted, rtol=1e-4, atol=1e-5)
    assert (wanted >= 0).all() == (phase != "none")


def test_a_phase_needs_a_fixed_matrix(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="it goes with 'gaussian'"):
        resolve_config(request(tmp_path, "model.phase=squared"))
