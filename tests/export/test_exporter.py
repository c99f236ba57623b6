import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import ModelProto, helper

from bitprior_export import source_check, verified
from bitprior_export.errors import (
    ExternalDataError,
    RunRecordError,
    UnfinishedRunError,
    UnsupportedOpError,
)
from bitprior_export.exporter import export_run
from bitprior_runtime import load, ops
from bitprior_runtime.bundle import Bundle
from bitprior_runtime.engines import tape
from bitprior_runtime.errors import (
    BitpriorError,
    CheckFailedError,
    MissingFileError,
    UnwritableOutputError,
)
from bitprior_runtime.golden import Check
from bitprior_runtime.program import Program
from bitprior_runtime.tensors import QuantisedTensor
from builders.networks import GEOMETRY, Generator, Granularity, Sensing, latents
from builders.runs import LICENCE, make_run, write_record


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "run")


@pytest.mark.parametrize(
    ("bits", "narrow", "granularity", "grid"),
    [
        (1, True, "per-tensor", "binary"),
        (2, False, "per-channel", "wide"),
        (3, True, "per-tensor", "narrow"),
        (4, False, "per-tensor", "wide"),
        (32, False, None, None),
    ],
)
def test_a_run_becomes_a_verified_bundle(
    tmp_path: Path, bits: int, narrow: bool, granularity: Granularity, grid: str | None
) -> None:
    run = make_run(tmp_path / "run", bits, narrow, granularity)
    result = export_run(run, tmp_path / "m.bitprior")
    assert result.path == tmp_path / "m.bitprior"
    assert (result.bits, result.layers) == (bits, 2)
    assert result.bundle_bytes == result.path.stat().st_size
    assert result.nodes == 7 + 6
    assert result.max_difference < 1e-6
    assert result.gradient_difference < 1e-6
    assert result.descending >= 3
    assert all(check.passed for check in result.checks)
    model = load(result.path)
    manifest = model.bundle.manifest
    assert (manifest.bits, manifest.grid) == (bits, grid)
    assert manifest.granularity == (granularity if bits < 32 else None)
    z = latents(5, seed=11)
    np.testing.assert_allclose(
        model.generate(z.numpy()),
        Generator(bits, narrow, granularity)(z).detach().numpy(),
        atol=1e-6,
    )


def test_weights_are_truly_packed(tmp_path: Path, run: Path) -> None:
    export_run(run, tmp_path / "m.bitprior")
    weights = load(tmp_path / "m.bitprior").bundle.generator.tensors
    packed = sum(t.stored_bytes for t in weights.values() if isinstance(t, QuantisedTensor))
    assert packed == 4 * (8 + 20) + 2 * 4  # planes of 60 and 160 bits, scales


def test_the_bundle_says_where_its_weights_come_from(tmp_path: Path, run: Path) -> None:
    manifest = load(export_run(run, tmp_path / "m.bitprior").path).bundle.manifest
    assert manifest.name == "noise-4bit"
    assert manifest.licence == LICENCE
    assert manifest.geometry == GEOMETRY
    assert (manifest.latent, manifest.measurement.size, manifest.measurement.kind) == (6, 5, "mlp")
    assert (manifest.solver.step_size, manifest.solver.sparsity) == (0.01, 4)
    training = manifest.training
    assert training["dataset"] == "noise"
    assert training["split_hash"] == "0" * 64
    assert training["seed"] == 7
    assert training["config"] == {"run": {"seed": 7}}
    assert training["versions"] == {"torch": "2.13.0"}
    assert training["sources"] == {
        name: hashlib.sha256((run / name).read_bytes()).hexdigest()
        for name in ("generator.onnx", "sensing.onnx")
    }
    assert {"onnx", "qonnx", "numpy"} <= set(manifest.producer.versions)


def test_golden_cases_are_real_and_their_recovery_goes_downhill(tmp_path: Path, run: Path) -> None:
    golden = load(export_run(run, tmp_path / "m.bitprior").path).bundle.golden
    images = np.load(run / "samples.npz")["images"]
    real = Sensing()(torch.from_numpy(images)).detach().numpy()
    for y in golden.measurements:
        assert np.abs(real - y).max(axis=1).min() < 1e-5
    assert len(golden.latents) >= 3
    assert (np.count_nonzero(golden.latents, axis=1) <= 4).all()  # P_s
    assert (golden.trace[-1] < golden.trace[0]).all()
    np.testing.assert_allclose(golden.trace[0], golden.losses, rtol=1e-6)


def test_the_same_run_gives_the_same_bytes(tmp_path: Path, run: Path) -> None:
    export_run(run, tmp_path / "a.bitprior")
    export_run(run, tmp_path / "b.bitprior")
    assert (tmp_path / "a.bitprior").read_bytes() == (tmp_path / "b.bitprior").read_bytes()


def test_export_needs_no_torch(tmp_path: Path, run: Path) -> None:
    code = (
        "import sys\n"
        "import bitprior_export, bitprior_export.commands\n"
        "heavy = {'torch', 'brevitas', 'onnx', 'qonnx', 'onnxruntime'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "from bitprior_export.exporter import export_run\n"
        f"export_run({str(run)!r}, {str(tmp_path / 'm.bitprior')!r})\n"
        "assert not {'torch', 'brevitas'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
    assert (tmp_path / "m.bitprior").exists()


def test_dense_latents_are_possible(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", sparsity=None)
    result = export_run(run, tmp_path / "m.bitprior")
    assert load(result.path).bundle.manifest.solver.sparsity is None


# Nothing is written unless all is well


def edit(path: Path, change: Callable[[ModelProto], None]) -> None:
    model = onnx.load(path)
    change(model)
    path.write_bytes(model.SerializeToString())


def _break_node_check(monkeypatch: pytest.MonkeyPatch) -> None:
    original = source_check.check_program

    def tampered(engine: Any, which: str, translation: Any, cases: Any) -> Any:
        trace = engine.trace

        def wrong(which: Any, value: Any) -> Any:
            values = dict(trace(which, value))
            name = "act" if which == "generator" else "layers.1"
            values[name] = values[name] + np.float32(0.01)
            return values

        engine.trace = wrong
        return original(engine, which, translation, cases)

    monkeypatch.setattr(source_check, "check_program", tampered)


def _break_golden_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong:
        def verify(self) -> list[Check]:
            return [Check("image G(z)", 1.0, 1e-5, "of the range")]

    monkeypatch.setattr(verified, "load", lambda path: Wrong())


def _break_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path, data: bytes) -> None:
        raise UnwritableOutputError("space", "none", "free some")

    monkeypatch.setattr(verified, "write_atomically", fail)


def _break_staging(monkeypatch: pytest.MonkeyPatch) -> None:
    original = verified.write_bundle

    def flip(path: Path, bundle: Bundle) -> int:
        size = original(path, bundle)
        data = bytearray(path.read_bytes())
        data[-5] ^= 1
        path.write_bytes(data)
        return size

    monkeypatch.setattr(verified, "write_bundle", flip)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (_break_node_check, "first node that differs"),
        (_break_golden_replay, "of the written bundle"),
        (_break_writing, "space"),
        (_break_staging, "sha256|SHA-256|hash|digest"),
    ],
)
def test_a_mismatch_leaves_the_output_as_it_was(
    tmp_path: Path,
    run: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: Callable[[pytest.MonkeyPatch], None],
    message: str,
) -> None:
    out = tmp_path / "m.bitprior"
    out.write_bytes(b"old")
    fault(monkeypatch)
    with pytest.raises(BitpriorError, match=message):
        export_run(run, out)
    assert out.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [out]


def test_a_wrong_adjoint_is_caught_before_writing(
    tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = ops.OPS["LeakyRelu"]
    wrong = replace(right, vjp=lambda *arguments: right.vjp(*arguments) * 1.01)
    monkeypatch.setattr(tape, "OPS", {**ops.OPS, "LeakyRelu": wrong})
    with pytest.raises(CheckFailedError, match="central differences"):
        export_run(run, tmp_path / "m.bitprior")
    assert not list(tmp_path.iterdir())


# Runs that cannot be exported


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="training run"):
        export_run(tmp_path / "none", tmp_path / "m.bitprior")


@pytest.mark.parametrize("name", ["generator.onnx", "sensing.onnx", "samples.npz", "run.json"])
def test_an_unfinished_run_says_how_to_finish_it(tmp_path: Path, name: str) -> None:
    run = make_run(tmp_path / "run")
    (run / name).unlink()
    with pytest.raises(UnfinishedRunError, match=f"{name}.*--resume") as caught:
        export_run(run, tmp_path / "m.bitprior")
    assert caught.value.exit_code == 2


def test_an_output_that_cannot_be_written_is_refused_first(tmp_path: Path) -> None:
    with pytest.raises(UnwritableOutputError):
        export_run(tmp_path / "no run", tmp_path / "missing" / "m.bitprior")


@pytest.mark.parametrize(
    "changed",
    [
        {"bits": 3},
        {"latent": 7, "sparsity": 4},
        {"measurements": 4},
        {"geometry": [1, 2, 8]},
    ],
)
def test_a_record_of_another_run_is_refused(tmp_path: Path, run: Path, changed: Any) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in run.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    write_record(copy, **changed)
    with pytest.raises(RunRecordError):
        export_run(copy, tmp_path / "m.bitprior")
    assert not (tmp_path / "m.bitprior").exists()


def _external(model: ModelProto) -> None:
    onnx.external_data_helper.set_external_data(model.graph.initializer[0], "elsewhere", 0, 4)
    model.graph.initializer[0].ClearField("raw_data")
    model.graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL


def _foreign_op(model: ModelProto) -> None:
    node = next(node for node in model.graph.node if node.op_type == "Tanh")
    node.CopyFrom(helper.make_node("Softsign", node.input, node.output, name="odd"))


@pytest.mark.parametrize(
    ("change", "error"), [(_external, ExternalDataError), (_foreign_op, UnsupportedOpError)]
)
def test_a_network_no_bundle_can_hold_is_refused(
    tmp_path: Path, change: Callable[[ModelProto], None], error: type[Exception]
) -> None:
    run = make_run(tmp_path / "run")
    edit(run / "generator.onnx", change)
    with pytest.raises(error):
        export_run(run, tmp_path / "m.bitprior")
    assert not (tmp_path / "m.bitprior").exists()


def test_latents_that_move_nothing_are_refused(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")

    def deaden(model: ModelProto) -> None:
        for node in model.graph.node:
            if node.name == "act/LeakyRelu":
                node.attribute[0].f = 0.0
        bias = next(t for t in model.graph.initializer if t.name == "first.bias")
        bias.CopyFrom(onnx.numpy_helper.from_array(np.full(10, -50, np.float32), "first.bias"))

    edit(run / "generator.onnx", deaden)
    with pytest.raises(CheckFailedError):
        export_run(run, tmp_path / "m.bitprior")


def test_the_result_as_json_and_text(tmp_path: Path, run: Path) -> None:
    result = export_run(run, tmp_path / "m.bitprior")
    data = json.loads(json.dumps(result.as_json()))
    assert data["bits"] == 4
    assert data["rows"][0]["op"] == "Gemm"
    assert all(check["passed"] for check in data["checks"])
    last = result.as_text().splitlines()[-1]
    assert last.startswith("Exported 2 layers at 4 bits, ")
    assert "verified 13 nodes, max |Δ|" in last
    assert str(result.path) in last


def test_programs_are_named_for_what_they_are(tmp_path: Path, run: Path) -> None:
    bundle = load(export_run(run, tmp_path / "m.bitprior").path).bundle
    programs: list[Program] = [bundle.generator, bundle.sensing]
    assert [p.name for p in programs] == ["generator", "sensing"]
    assert [dict(p.inputs) for p in programs] == [{"z": (6,)}, {"x": GEOMETRY}]
    assert [p.output for p in programs] == ["x", "y"]
