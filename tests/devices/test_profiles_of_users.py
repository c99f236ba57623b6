"""Profiles a user adds."""

import shutil
from importlib.resources import files

import pytest

from bitprior_runtime.cli.main import run
from bitprior_runtime.errors import MissingFileError, UsageError
from bitprior_runtime.profiles import load_profile, profile_names

OURS = files("bitprior_runtime.profiles")


@pytest.fixture
def folder(tmp_path):
    """A folder with one profile: a Pi 4 that got a name of its own."""
    folder = tmp_path / "profiles"
    folder.mkdir()
    text = OURS.joinpath("raspberry-pi-4.toml").read_text("utf-8")
    (folder / "camera-box.toml").write_text(text.replace("Raspberry Pi 4 Model B", "Camera box"))
    return folder


def test_a_named_folder_adds_its_profiles(folder, capsys):
    assert "camera-box" in profile_names(folder)
    assert load_profile("camera-box", folder).title == "Camera box"
    assert "camera-box" not in profile_names()
    assert run(["devices", "--profiles", str(folder)]) == 0
    assert "Camera box" in capsys.readouterr().out


def test_the_folder_in_the_configuration_needs_no_naming(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert "camera-box" not in profile_names()
    shutil.copytree(folder, tmp_path / "config/bitprior/profiles")
    assert load_profile("camera-box").models == ("Camera box", "Raspberry Pi 4")
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "camera-box" not in profile_names()


def test_a_users_profile_takes_the_place_of_ours(folder):
    (folder / "camera-box.toml").rename(folder / "raspberry-pi-4.toml")
    assert load_profile("raspberry-pi-4", folder).title == "Camera box"
    assert load_profile("raspberry-pi-4").title == "Raspberry Pi 4 Model B"


@pytest.mark.parametrize("text", ["title = ", "title = 'x'\n", "[onnx]\n", "\xff", "unknown = 1\n"])
def test_a_damaged_profile_is_refused_with_its_place(folder, text):
    (folder / "broken.toml").write_text(text, "latin-1")
    with pytest.raises(UsageError, match=r"broken\.toml"):
        load_profile("broken", folder)


def test_a_folder_that_is_not_there_is_refused(tmp_path, capsys):
    with pytest.raises(MissingFileError, match="folder of profiles"):
        profile_names(tmp_path / "none")
    assert run(["probe", "--profiles", str(tmp_path / "none")]) == 2
    assert "folder of profiles" in capsys.readouterr().err


@pytest.mark.parametrize("name", [name for name in profile_names() if name != "pc"])
def test_every_board_has_the_figures_the_documentation_promises_with_their_sources(name):
    profile = load_profile(name)
    found = {figure.name for figure in profile.figures}
    wanted = {"cores", "clock", "CPU features", "caches", "memory", "memory bandwidth"}
    assert found == wanted
    assert all(figure.source for figure in profile.figures)
    assert not any(figure.verified for figure in profile.figures)
    assert profile.runtimes
    assert profile.core_count in (4, 6, 12)
    assert profile.models


def test_one_device_is_shown_with_its_figures(capsys):
    assert run(["devices", "raspberry-pi-4"]) == 0
    out = capsys.readouterr().out
    assert "memory bandwidth: about 12.8 GB/s peak (unverified: computed" in out
    assert "fails onnxruntime 1.21.0" in out
    assert "engines, by preference: integer/native" in out
