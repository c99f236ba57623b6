"""Runs of photo priors become verified bundles of any frame, ONNX files beside them."""

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from bitprior_export.photo.run import read_photo_run
from bitprior_runtime.cli.main import run as bitprior
from bitprior_runtime.model import Model, load
from bitprior_runtime.sensing import Blocks
from bitprior_train.photo.leaves import dead_leaves
from bitprior_train.photo.networks import PhotoNetworks
from bitprior_train.photo.problem import make_problem
from bitprior_train.photo.search import Search
from builders.photo_runs import CHANNELS, LAGS, STEPS, photo_run

KINDS = {"generate", "vjp", "start", "penalty", "penalty_vjp"}


@pytest.fixture(scope="module")
def networks(folder: Path) -> PhotoNetworks:
    return photo_run(folder / "photo-4bit", 4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("photos")


@pytest.fixture(scope="module")
def bundle(folder: Path, networks: PhotoNetworks) -> Path:
    path = folder / "photo-4bit.bitprior"
    assert bitprior(["export", str(folder / "photo-4bit"), "--out", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def model(bundle: Path) -> Model:
    return load(bundle)


def test_a_bundle_says_what_it_is(model: Model) -> None:
    manifest = model.bundle.manifest
    assert manifest.name == "photo-4bit"
    assert manifest.bits == 4
    assert (manifest.geometry, manifest.latents) == ((1, 8, 8), {"z": (CHANNELS, 4, 4)})
    assert manifest.frames is not None
    assert manifest.frames.stride == 2
    assert (manifest.measurement.kind, manifest.measurement.size) == ("none", 64)
    assert (manifest.solver.name, manifest.solver.steps) == ("learned", STEPS + 1)
    assert manifest.solver.initial_latent == "zero"
    assert manifest.solver.step_size > 0
    assert manifest.training["widths"].startswith("4-bit, D 8-bit, mean 4.")
    assert manifest.training["init_from"] == "photo-32bit"
    assert set(manifest.training["sources"]) == {
        "generator.onnx", "start.onnx", "penalty.onnx", "schedule.npz",
    }  # fmt: skip
    assert "free of any rights" in manifest.licence
    assert len(model.bundle.golden.latents) == 3
    assert set(manifest.companions) == {f"{kind}.onnx" for kind in KINDS}
    assert manifest.calibration is not None
    assert manifest.calibration.activation_bits == 16
    assert manifest.solver.selection is not None
    wide, narrow = manifest.solver.selection["integer"]["measured"]  # type: ignore[index,call-overload]
    lost = narrow["loss_db"] - wide["loss_db"]
    assert abs(wide["loss_db"]) < 0.05
    assert manifest.calibration.cotangent_bits == (8 if lost < 0.02 else 16)
    assert set(manifest.calibration.absmax) == {"generator", "start", "penalty"}


@pytest.mark.parametrize("bits", [32, 3, 2, 1])
def test_every_width_is_exported_and_verifies(bits: int, tmp_path: Path) -> None:
    photo_run(tmp_path / "run", bits)
    path = tmp_path / "p.bitprior"
    assert bitprior(["export", str(tmp_path / "run"), "--out", str(path), "--targets=none"]) == 0
    assert load(path).bundle.manifest.bits == bits
    assert bitprior(["verify", str(path)]) == 0


def test_codes_are_the_quantised_weights_of_training(model: Model, networks: PhotoNetworks) -> None:
    search = model.bundle.search
    assert search is not None
    for name, program in (("hidden", model.bundle.generator), ("penalty", search.penalty)):
        expected = getattr(networks.weights(), name).detach().numpy()
        stored = [t.values() for t in program.tensors.values()]
        assert any(v.shape == expected.shape and np.array_equal(v, expected) for v in stored), name


@pytest.mark.parametrize("frame", [(33, 33), (40, 37)])
def test_the_search_of_a_bundle_finds_what_the_one_in_training_finds(
    frame: tuple[int, int], model: Model, networks: PhotoNetworks
) -> None:
    search = model.bundle.search
    assert search is not None
    matrix = np.linalg.qr(np.random.default_rng(0).standard_normal((256, 60)))[0].T
    problem = make_problem(matrix, 16, frame, 0.0, search.covariance)
    photos = dead_leaves(2, 64, 1)[:, None, : frame[0], : frame[1]].astype(np.float32) / 255
    operator = Blocks(matrix, 16, frame)
    y = operator.forward(photos)
    with torch.no_grad():
        by_block = torch.from_numpy(y.reshape(2, -1, 60))
        found = Search(networks, torch.float32).run(problem, by_block, STEPS).image
    expected = found[:, :, : frame[0], : frame[1]].clamp(0, 1).numpy()
    image = model.recover(y, operator=operator, solver="learned", steps=STEPS).image
    np.testing.assert_allclose(image, expected, atol=2e-4)


@pytest.mark.parametrize("frame", [(8, 8), (9, 14), (1, 1)])
def test_every_engine_agrees_at_every_frame(frame: tuple[int, int], model: Model) -> None:
    random = np.random.default_rng(2)
    engines = {name: model.at(frame, engine=name) for name in ("float", "onnx", "integer")}
    plain = engines["float"]
    z = 0.2 * random.standard_normal((2, plain.latent), dtype=np.float32)
    c = random.standard_normal((2, 1, *frame), dtype=np.float32)
    u = 0.2 * random.standard_normal((2, 2, *frame), dtype=np.float32)
    w = plain.penalty(z)  # type: ignore[attr-defined]
    for name, tolerance in (("onnx", 1e-5), ("integer", 2e-2)):  # cotangents of 8 bits
        engine = engines[name]
        assert (engine.name, engine.latent) == (name, plain.latent)
        pairs = (
            (engine.generate(z), plain.generate(z)),
            (engine.vjp(z, c), plain.vjp(z, c)),
            (engine.start(u), plain.start(u)),  # type: ignore[attr-defined]
            (engine.penalty(z), w),  # type: ignore[attr-defined]
            (engine.penalty_vjp(z, w), plain.penalty_vjp(z, w)),  # type: ignore[attr-defined]
        )
        for found, expected in pairs:
            assert found.shape == expected.shape
            assert np.abs(found - expected).max() <= tolerance * np.abs(expected).max(), name


def test_onnx_files_are_low_bit_and_of_any_frame(bundle: Path) -> None:
    folder = bundle.with_name("photo-4bit-onnx")
    assert {path.stem for path in folder.iterdir()} == KINDS
    graph = onnx.load(folder / "generate.onnx").graph
    (source,), (target,) = graph.input, graph.output
    axes = [
        [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in (source, target)
    ]
    assert axes == [["batch", CHANNELS, "rows", "columns"], ["batch", 1, "height", "width"]]
    (shuffle,) = (node for node in graph.node if node.op_type == "DepthToSpace")
    assert onnx.helper.get_node_attr_value(shuffle, "mode") == b"CRD"
    types = {t.data_type for t in graph.initializer if np.prod(t.dims) >= 9 * CHANNELS * 4}
    assert onnx.TensorProto.INT4 in types
    assert onnx.TensorProto.FLOAT not in types
    vjp = onnx.load(folder / "penalty_vjp.onnx").graph
    assert [value.name for value in vjp.input] == ["cotangent"]  # K1 is linear


def test_verify_covers_the_onnx_files_and_finds_a_changed_one(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "files"
    shutil.copytree(bundle.with_name("photo-4bit-onnx"), folder)
    assert bitprior(["verify", str(bundle), "--onnx", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {c["name"].partition(":")[0] for c in found["checks"]} >= KINDS
    assert found["nodes"] > 20
    with (folder / "vjp.onnx").open("ab") as file:
        file.write(b"\0")
    assert bitprior(["verify", str(bundle), "--onnx", str(folder)]) == 1
    assert "vjp.onnx with SHA-256" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--sensing", "gaussian:m=10"], "--sensing"),
        (["--sensing-bits", "4"], "--sensing-bits"),
        (["--cut", "1"], "--cut"),
        (["--targets", "qonnx"], "--targets qonnx"),
        (["--targets", "onnx-training"], "--targets onnx-training"),
    ],
)
def test_options_that_do_not_go_with_a_photo_prior_are_refused(
    options: list[str],
    named: str,
    folder: Path,
    networks: PhotoNetworks,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "p.bitprior"
    assert bitprior(["export", str(folder / "photo-4bit"), "--out", str(out), *options]) != 0
    error = capsys.readouterr().err
    assert f"found {named}; leave it out" in error
    assert len(error.splitlines()) == 1
    assert not out.exists()


def _drop(folder: Path) -> None:
    (folder / "penalty.onnx").unlink()


def _shorten(folder: Path) -> None:
    with np.load(folder / "schedule.npz") as file:
        arrays = {name: file[name] for name in file.files}
    np.savez(folder / "schedule.npz", **{**arrays, "slope": arrays["slope"][:, :2]})


def _break(folder: Path) -> None:
    (folder / "schedule.npz").write_bytes(b"PK")


def _mislabel(folder: Path) -> None:
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**record, "bits": 3}))


def _mean(folder: Path) -> None:
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**record, "mean": 2.0}))


def _dark(folder: Path) -> None:
    np.savez(folder / "crops.npz", images=np.full((2, 1, 16, 16), -1, np.float32))


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (_drop, "penalty.onnx in"),
        (_shorten, "a schedule of 6 and 6 maps"),
        (_break, "arrays in schedule.npz"),
        (_mislabel, "3 bits, as run.json says"),
        (_mean, "mean in (0, 1)"),
        (_dark, "crops float32"),
    ],
)
def test_spoilt_runs_are_one_line(
    spoil: object,
    expected: str,
    folder: Path,
    networks: PhotoNetworks,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run, out = tmp_path / "run", tmp_path / "p.bitprior"
    shutil.copytree(folder / "photo-4bit", run)
    spoil(run)  # type: ignore[operator]
    assert bitprior(["export", str(run), "--out", str(out), "--targets", "none"]) != 0
    error = capsys.readouterr().err
    assert expected in error, error
    assert len(error.splitlines()) == 1, error
    assert not out.exists()


def test_a_wide_one_bit_prior_stays_small(tmp_path: Path) -> None:
    photo_run(tmp_path / "run", 1, channels=120)
    path = tmp_path / "p.bitprior"
    assert bitprior(["export", str(tmp_path / "run"), "--out", str(path), "--targets=none"]) == 0
    assert read_photo_run(tmp_path / "run").geometry == (1, 4, 4)
    # A schedule of 8 steps, as the preset has, takes 5 x 120 x 8 x 4 bytes more; so does its table.
    assert path.stat().st_size < 150_000 - 20_000 - 4 * (64**2 - LAGS**2)
