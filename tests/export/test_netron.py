"""Netron's own code opens every ONNX model we write and sees its nodes, shapes and facts."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bitprior_export.cuts import cut
from bitprior_export.graphs import build_generate, build_gradient, build_sense
from bitprior_export.qonnx.program_writer import program_to_qonnx
from builders.bundles import tiny_bundle
from builders.surgery import NETWORKS, random_weights

NETRON = "netron==9.3.3"
SCRIPT = Path(__file__).parent / "netron" / "open_models.mjs"
MINUTE = 60
pytestmark = pytest.mark.node


def models():
    """Return ONNX models by file name."""
    bundle = tiny_bundle(3)
    began = cut(NETWORKS["began"](random_weights(1)), 2).program
    facts = {"bits": 3, "geometry": [1, 2, 3], "value_range": [0.0, 1.0]}
    return {
        "generator.onnx": program_to_qonnx(bundle.generator, facts),
        "sensing.onnx": program_to_qonnx(bundle.sensing, facts),
        "began.onnx": program_to_qonnx(began, facts),
        "generate.onnx": build_generate(bundle.generator, {"bits": "3"}),
        "sense.onnx": build_sense(bundle.sensing, {}),
        "gradient.onnx": build_gradient(bundle.generator, bundle.sensing, {}),
    }


@pytest.fixture(scope="module")
def netron(tmp_path_factory):
    """Netron's JavaScript, from its Python package."""
    if shutil.which("node") is None:
        pytest.skip("needs the program node")
    folder = tmp_path_factory.mktemp("netron")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder]
    subprocess.run([*install, NETRON], check=True, capture_output=True, timeout=MINUTE)
    # Node takes a .js file for a module only where a package says so.
    (folder / "netron" / "package.json").write_text('{"type": "module"}')
    return folder / "netron"


def test_netron_opens_our_models(netron, tmp_path):
    written = models()
    for name, model in written.items():
        (tmp_path / name).write_bytes(model.SerializeToString())
    files = [tmp_path / name for name in written]
    done = subprocess.run(
        ["node", SCRIPT, netron, *files], capture_output=True, text=True, timeout=MINUTE
    )
    assert done.returncode == 0, done.stderr
    opened = json.loads(done.stdout)
    assert set(opened) == set(written)
    for name, model in written.items():
        seen = opened[name]
        assert seen["nodes"] == [[node.name, node.op_type] for node in model.graph.node]
        assert seen["metadata"] == {entry.key: entry.value for entry in model.metadata_props}
        assert seen["producer"].startswith("bitprior ")
    assert opened["generator.onnx"]["inputs"] == [["z", "float32[batch,4]"]]
    assert opened["generator.onnx"]["outputs"] == [["x", "float32[batch,1,2,3]"]]
    assert opened["began.onnx"]["outputs"] == [["elu13", "float32[batch,3,128,128]"]]


def test_a_file_that_is_no_model_is_not_opened(netron, tmp_path):
    (tmp_path / "broken.onnx").write_bytes(b"\x08\x0a no model")
    done = subprocess.run(
        ["node", SCRIPT, netron, tmp_path / "broken.onnx"],
        capture_output=True,
        timeout=MINUTE,
    )
    assert done.returncode != 0
