"""``bitprior verify --onnx``: the ONNX files of a bundle, checked again on this machine."""

import hashlib
import json
from dataclasses import replace

import onnx
import pytest

from bitprior_export.artefacts import stage_artefacts
from bitprior_export.bundle import write_bundle
from bitprior_runtime.cli import verify
from bitprior_runtime.cli.main import run
from bitprior_runtime.profiles import load_profile
from builders.bundles import tiny_bundle


@pytest.fixture
def export(tmp_path):
    """A bundle and its ONNX files."""
    bundle = tiny_bundle()
    with stage_artefacts(bundle, tmp_path / "m-onnx", load_profile("pc")) as artefacts:
        write_bundle(tmp_path / "m.bitprior", artefacts.sealed(bundle))
    return tmp_path


def call(capsys, folder, *more):
    status = run(["verify", str(folder / "m.bitprior"), "--onnx", str(folder / "m-onnx"), *more])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return status, captured.out, captured.err


def reseal(folder, kind, change):
    """Change a file, and let the bundle name it: as if it had been exported wrong."""
    path = folder / "m-onnx" / f"{kind}.onnx"
    model = onnx.load(path)
    change(model)
    data = model.SerializeToString()
    path.write_bytes(data)
    hashes = {
        p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in (folder / "m-onnx").iterdir()
    }
    bundle = tiny_bundle()
    sealed = replace(bundle, manifest=replace(bundle.manifest, companions=hashes))
    write_bundle(folder / "m.bitprior", sealed)


def test_files_as_they_were_exported_are_verified_node_by_node(capsys, export):
    status, out, err = call(capsys, export)
    assert (status, err) == (0, "")
    assert out.count("  ok") == 5 + 8 + 1
    assert "73 values inside the ONNX graphs, node by node" in out
    result = json.loads(call(capsys, export, "--json")[1])
    assert (result["passed"], result["nodes"], len(result["checks"])) == (True, 73, 13)


def test_a_board_without_onnx_checks_hashes_and_results(capsys, export, monkeypatch):
    monkeypatch.setattr(verify, "find_spec", lambda name: None)
    status, out, _ = call(capsys, export)
    assert status == 0
    assert out.count("  ok") == 5 + 8
    assert "node by node" not in out


def test_a_changed_file_ends_with_status_1(capsys, export):
    with (export / "m-onnx" / "gradient.onnx").open("ab") as file:
        file.write(b"\0")
    status, out, err = call(capsys, export)
    assert (status, out) == (1, "")
    assert "gradient.onnx with SHA-256" in err
    assert len(err.splitlines()) == 1


def test_a_wrong_node_is_named(capsys, export):
    def wrong(model):
        (node,) = (node for node in model.graph.node if node.name == "generator/tanh")
        node.op_type = "Sigmoid"

    reseal(export, "generate", wrong)
    status, _, err = call(capsys, export)
    assert status == 1
    assert "node 'tanh' (Tanh) of generate.onnx" in err


def test_a_wrong_result_fails_without_onnx_too(capsys, export, monkeypatch):
    def wrong(model):
        (node,) = (node for node in model.graph.node if node.name == "output y")
        node.op_type = "Neg"

    reseal(export, "sense", wrong)
    monkeypatch.setattr(verify, "find_spec", lambda name: None)
    status, out, err = call(capsys, export)
    assert status == 1
    assert "FAIL sense: measurement" in out
    assert len(err.splitlines()) == 1


def test_a_bundle_without_onnx_files_is_a_usage_error(capsys, export):
    write_bundle(export / "m.bitprior", tiny_bundle())
    status, _, err = call(capsys, export)
    assert status == 2
    assert "--targets onnx" in err
