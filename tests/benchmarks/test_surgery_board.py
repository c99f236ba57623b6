"""The comparison of a cut prior's engines with torch, on a tiny network and two images."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from bitprior_export.exporter import ExportOptions, export_run
from bitprior_runtime import load
from builders.prior_runs import make_prior_run

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def script():
    sys.path.insert(0, str(BENCHMARKS))
    spec = importlib.util.spec_from_file_location("surgery_board", BENCHMARKS / "surgery_board.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(BENCHMARKS))


@pytest.mark.parametrize("kind", ["dcgan", "began"])
def test_engines_recover_as_well_with_a_cut_prior_as_torch_does(script, tmp_path, kind):
    run = make_prior_run(tmp_path / "run", kind)
    options = ExportOptions(cut="1" if kind == "dcgan" else "2")
    out = export_run(run, tmp_path / "m.bitprior", options, sensing="gaussian:m=30").path
    model = load(out)
    images = model.generate(model.bundle.golden.latents[:2]).clip(0, 1)
    labels = ("float/numpy", "float/native", "integer/native, 16 bits")
    rows = {row["name"]: row for row in script.measure(model, images, 12, labels)}
    assert set(rows) == {script.REFERENCE, "torch.optim.LBFGS", *labels}
    assert rows[script.REFERENCE]["below_torch"] == 0
    start = model.generate(np.zeros((1, model.bundle.manifest.latent), np.float32))
    flat = script._psnr(np.repeat(start, 2, axis=0), images).mean()
    for row in rows.values():
        assert row["psnr"] > flat
    for label in ("float/numpy", "float/native"):
        assert abs(rows[label]["below_torch"]) <= 0.01
    # Rounded otherwise, it may end in another minimum: not in a worse one.
    assert rows["integer/native, 16 bits"]["below_torch"] <= 0.1
