"""What is sent with a bundle: the ONNX files it was exported with, and no others."""

import hashlib
from dataclasses import replace

import pytest

from bitprior_devices.deploying import deploy, pack
from bitprior_devices.remote.release import linked
from bitprior_devices.ssh import Destination
from bitprior_export.bundle.writer import write_bundle
from bitprior_runtime.bundle import BundleError
from bitprior_runtime.errors import CheckFailedError
from builders.bundles import tiny_bundle


@pytest.fixture
def exported(tmp_path):
    """A bundle with a companion beside it."""
    data = b"an ONNX file"
    bundle = tiny_bundle()
    companions = {"gradient.onnx": hashlib.sha256(data).hexdigest()}
    path = tmp_path / "m.bitprior"
    write_bundle(path, replace(bundle, manifest=replace(bundle.manifest, companions=companions)))
    folder = tmp_path / "m-onnx"
    folder.mkdir()
    (folder / "gradient.onnx").write_bytes(data)
    (folder / "notes.txt").write_text("not sent")
    return path


@pytest.mark.usefixtures("here")
def test_the_companions_lie_where_the_onnx_engine_looks_for_them(exported, layout):
    deploy(pack(exported, []), Destination("here"), lambda step: None, root=str(layout.root))
    folder = linked(layout.current)
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == {"release.json", "model.bitprior", "model-onnx/gradient.onnx"}


def test_a_companion_of_another_export_is_not_sent(exported):
    (exported.parent / "m-onnx/gradient.onnx").write_bytes(b"another")
    with pytest.raises(CheckFailedError, match="copy the folder again"):
        pack(exported, [])


def test_a_bundle_whose_companions_are_not_here_is_sent_alone(exported):
    moved = exported.with_name("alone.bitprior")
    exported.rename(moved)
    assert [file.path for file in pack(moved, []).files] == ["model.bitprior"]


def test_a_damaged_bundle_is_not_sent(exported):
    data = bytearray(exported.read_bytes())
    data[-1] ^= 1
    exported.write_bytes(data)
    with pytest.raises(BundleError):
        pack(exported, [])
