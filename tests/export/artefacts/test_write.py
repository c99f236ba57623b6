"""Writing ONNX files: all or none, never over what is not ours, named in the bundle."""

import hashlib
from pathlib import Path

import pytest

from bitprior_export.artefacts import (
    OnnxOutput,
    default_folder,
    stage_artefacts,
    write,
    write_artefacts,
)
from bitprior_runtime.errors import UnwritableOutputError, UsageError
from bitprior_runtime.profiles import load_profile
from builders.bundles import tiny_bundle

PC = load_profile("pc")
NAMES = ["generate.onnx", "gradient.onnx", "recover.onnx", "sense.onnx"]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_files_are_what_they_are_said_to_be(tmp_path):
    files = write_artefacts(tiny_bundle(), tmp_path / "m-onnx", PC)
    assert names(tmp_path) == ["m-onnx"]
    assert names(tmp_path / "m-onnx") == NAMES
    for file in files:
        data = (tmp_path / "m-onnx" / file.name).read_bytes()
        assert (file.bytes, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())
        assert file.name == f"{file.kind}.onnx"
    assert (tmp_path / "m-onnx").stat().st_mode & 0o777 == 0o755


def test_the_bundle_gets_their_hashes(tmp_path):
    bundle = tiny_bundle()
    with stage_artefacts(bundle, tmp_path / "m-onnx", PC) as artefacts:
        sealed = artefacts.sealed(bundle)
    assert sealed.manifest.companions == {file.name: file.sha256 for file in artefacts.files}
    assert bundle.manifest.companions == {}


def test_files_of_an_earlier_export_are_replaced_as_a_whole(tmp_path):
    folder = tmp_path / "m-onnx"
    write_artefacts(tiny_bundle(bits=4), folder, PC)
    before = (folder / "gradient.onnx").read_bytes()
    write_artefacts(tiny_bundle(bits=1), folder, PC)
    assert names(tmp_path) == ["m-onnx"]
    assert names(folder) == NAMES
    assert (folder / "gradient.onnx").read_bytes() != before


def test_an_error_meanwhile_leaves_all_as_it_was(tmp_path):
    folder = tmp_path / "m-onnx"
    write_artefacts(tiny_bundle(bits=4), folder, PC)
    before = (folder / "gradient.onnx").read_bytes()
    with (
        pytest.raises(RuntimeError, match="the bundle"),
        stage_artefacts(tiny_bundle(bits=1), folder, PC),
    ):
        raise RuntimeError("the bundle could not be written")
    assert names(tmp_path) == ["m-onnx"]
    assert (folder / "gradient.onnx").read_bytes() == before


def test_a_folder_that_holds_anything_else_is_left_alone(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "cat.jpg").touch()
    with pytest.raises(UnwritableOutputError, match=r"cat\.jpg"):
        write_artefacts(tiny_bundle(), folder, PC)
    assert names(folder) == ["cat.jpg"]


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "m-onnx").touch()
    with pytest.raises(UnwritableOutputError, match="a folder"):
        write_artefacts(tiny_bundle(), tmp_path / "m-onnx", PC)


def test_if_the_folder_cannot_be_put_in_place_the_old_one_stays(tmp_path, monkeypatch):
    folder = tmp_path / "m-onnx"
    write_artefacts(tiny_bundle(bits=4), folder, PC)
    before = (folder / "gradient.onnx").read_bytes()
    rename = Path.rename

    def refuse(self, target):
        if target == folder and self.name.startswith(".") and not self.name.endswith(".old"):
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(UnwritableOutputError, match="No space left"):
        write_artefacts(tiny_bundle(bits=1), folder, PC)
    assert names(tmp_path) == ["m-onnx"]
    assert (folder / "gradient.onnx").read_bytes() == before


def test_folders_in_between_are_made(tmp_path):
    write_artefacts(tiny_bundle(), tmp_path / "a" / "b", PC)
    assert names(tmp_path / "a" / "b") == NAMES


def test_the_folder_lies_beside_the_bundle_by_default():
    assert default_folder("models/mnist-4bit.bitprior") == Path("models/mnist-4bit-onnx")


def test_an_unknown_target_is_refused_before_any_work():
    with pytest.raises(UsageError, match="raspberry-pi-zero-2-w"):
        OnnxOutput.checked("m-onnx", "toaster")


def test_without_a_folder_nothing_is_built(monkeypatch):
    monkeypatch.setattr(write, "build_artefacts", None)
    with OnnxOutput.checked(None, "pc").staged(tiny_bundle()) as artefacts:
        assert artefacts is None
