"""What benchmarks/photos.py makes and leaves alone; the network that is timed beside us."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from bitprior_runtime import load
from builders.photo_files import data_folder, write_priors

FOLDER = Path(__file__).parents[2] / "benchmarks"


def script(name):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def photos():
    yield script("photos")
    del sys.modules["photos"]


@pytest.fixture(scope="module")
def network():
    yield script("ista_net")
    del sys.modules["ista_net"]


@pytest.fixture
def bundles(tmp_path):
    write_priors(tmp_path)
    return [tmp_path / "photo-4bit.bitprior", tmp_path / "photo-1bit.bitprior"]


def test_every_table_has_its_files_each_once(photos):
    found = photos.jobs(Path("/data/block_matrices.npz"), Path("results/photo-components.npz"))
    names = [job.name for job in found]
    assert len(set(names)) == len(names)
    ratios = ("1", "4", "10", "25")
    for name in ("photos-set11-{}", "photos-set11-{}-fresh",
                 "photos-set11-{}-walsh", "photos-validation-{}",
                 "photos-set11-{}-components", "photos-set11-{}-integer"):  # fmt: skip
        assert {name.format(ratio) for ratio in ratios} <= set(names)
    noisy = {(job.operator.split("#")[1], job.noise) for job in found if job.noise}
    assert noisy == {(f"ratio{p},size=33", noise) for p in (10, 25) for noise in (0.01, 0.05)}


def test_all_of_a_set_and_ratio_measure_the_same_share(photos):
    for percent, (m, m32) in photos.RATIOS.items():
        assert round(100 * m / 33**2) == round(100 * m32 / 32**2) == percent


def test_learned_rows_are_orthonormal_and_as_many_as_the_ratio_says(photos, tmp_path, monkeypatch):
    grey = np.random.default_rng(0).integers(0, 256, (24, 40, 40), dtype=np.uint8)
    np.savez(tmp_path / "photos.npz", train_x=grey)
    monkeypatch.setenv("BITPRIOR_DATA", str(tmp_path))
    photos.learn_rows(tmp_path / "rows.npz")
    with np.load(tmp_path / "rows.npz") as found:
        for _, m in photos.RATIOS.values():
            rows = found[f"rows{m}"]
            assert rows.shape == (m, 1024)
            np.testing.assert_allclose(rows @ rows.T, np.eye(m), atol=1e-5)


def test_a_file_is_made_by_its_command_and_then_left_alone(photos, bundles, tmp_path, monkeypatch):
    from bitprior_runtime.cli.main import run

    (tmp_path / "data").mkdir()
    data = data_folder(tmp_path / "data")
    monkeypatch.setenv("BITPRIOR_DATA", str(data))
    operator = f"blocks:matrix={data}/block_matrices.npz#ratio10,size=4"
    job = photos.Job("r", "set11", operator, 0.05)
    out = tmp_path / "r.json"
    assert not photos.is_done(out, job, bundles)
    command = photos.command_of(job, bundles, out)
    assert run([*command[len(photos.BITPRIOR) :]]) == 0
    assert photos.is_done(out, job, bundles)
    for other in (
        photos.Job("r", "bsd68", operator, 0.05),
        photos.Job("r", "set11", operator),
        photos.Job("r", "set11", operator.replace("size=4", "size=2"), 0.05),
        photos.Job("r", "set11", operator, 0.05, "integer"),
    ):
        assert not photos.is_done(out, other, bundles)
    assert not photos.is_done(out, job, bundles[:1])
    result = json.loads(out.read_text())
    result["rows"][0]["prior"]["digest"] = "another"
    out.write_text(json.dumps(result))
    assert not photos.is_done(out, job, bundles)


def test_the_integer_engine_is_not_asked_for_float_weights(photos, bundles, tmp_path):
    from bitprior_export.bundle.writer import write_bundle
    from builders.photo import photo_bundle

    wide = tmp_path / "photo-32bit.bitprior"
    write_bundle(wide, photo_bundle(32))
    job = photos.Job("r", "set11", "o")
    assert photos.fitting(job, [wide, *bundles]) == [wide, *bundles]
    integer = photos.Job("r", "set11", "o", engine="integer")
    assert photos.fitting(integer, [wide, *bundles]) == bundles


def test_the_networks_shape_is_the_published_one(network):
    found = network.IstaNet(torch.eye(33 * 33)[:109])
    assert len(found.phases) == 9
    assert network.weights_of(found) == 336_978
    phase = found.phases[0]
    assert phase.forward_first.shape == phase.backward_second.shape == (32, 32, 3, 3)


def test_a_phase_without_its_network_is_a_gradient_step(network):
    matrix = torch.linalg.qr(torch.randn(33 * 33, 20))[0].T.contiguous()
    phase = network.Phase(32)
    with torch.no_grad():
        phase.out.zero_()
        x, truth = torch.rand(3, 33 * 33), torch.rand(3, 33 * 33)
        y = truth @ matrix.T
        found = phase(x, matrix.T @ matrix, y @ matrix)
        wanted = x - phase.step * (x @ matrix.T - y) @ matrix
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["torch", "prior"])
def test_a_contender_is_timed_in_a_process_of_its_own(bundles, kind, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    speed = script("photo_speed")
    jobs = speed.jobs([str(bundles[0])], (33, 33), 9)
    assert list(jobs) == [
        speed.TORCH, "photo-4bit, float/native", "photo-4bit, integer/native",
    ]  # fmt: skip
    name = next(name for name, job in jobs.items() if job["kind"] == kind)
    row = speed.apart({**jobs[name], **({"kernel": "numpy"} if kind == "prior" else {})})
    assert 0 < row["ms"] <= row["median_ms"]
    if kind == "prior":
        assert row["bytes"] == load(bundles[0]).file_bytes
        assert row["solver"] == "learned"
    else:
        assert row["weights"] == 336_978
    assert np.isfinite(row["ms"])
