"""docs/single-pixel.md, followed word for word, with a simulated photodiode for its rig."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bitprior_runtime import load
from bitprior_runtime.camera.camera_file import read_camera
from bitprior_runtime.camera.recovering import recover_readings
from builders.single_pixel import psnr, still_life

TEXT = (Path(__file__).parents[2] / "docs/single-pixel.md").read_text("utf-8")
TESTS = Path(__file__).parents[1]
# A file that the page says to write, or commands that it says to run; in the order of the page.
STEP = re.compile(
    r"^Write `([\w.]+)`[^`]*:\n\n```\w+\n(.*?)^```|^```console\n(.*?)^```",
    re.MULTILINE | re.DOTALL,
)
RIG = '''"""A projector that is one frame late, a scene under it, and a photodiode."""

import numpy as np
from PIL import Image

from builders.single_pixel import FaultyDetector, still_life


def _read(path):
    with Image.open(path) as image:
        return np.asarray(image) > 0


# The scene lies inside the border of the calibration frame.
_rows, _columns = (np.flatnonzero(_read("patterns/calibration.png").any(axis=a)) for a in (1, 0))
_place = slice(_rows[0], _rows[-1] + 1), slice(_columns[0], _columns[-1] + 1)
_scene = still_life(64).repeat(len(_rows) // 64, axis=0).repeat(len(_columns) // 64, axis=1)
_detector, _random = FaultyDetector(), np.random.default_rng(7)
_on_display, _asked_for, _time = np.zeros((480, 640), bool), np.zeros((480, 640), bool), 0


def show(path):
    global _on_display, _asked_for
    _on_display, _asked_for = _asked_for, _read(path)


def read_light():
    global _time
    light = float(_scene[_on_display[_place]].sum() / _scene.sum())
    _time += 1
    slow = _detector.offset + _detector.drift * (_time / 2048) ** 2
    return _detector.gain * light + slow + _detector.noise * _random.standard_normal()
'''


def follow(folder):
    """Do what the page says, in order; return what each command printed."""
    programs = folder / "programs"
    programs.mkdir()
    for name, words in {"bitprior": "-m bitprior_runtime", "python3": ""}.items():
        (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} {words} "$@"\n')
        (programs / name).chmod(0o755)
    variables = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": f"{TESTS}:{os.environ.get('PYTHONPATH', '')}",
    }
    printed = {}
    for step in STEP.finditer(TEXT):
        name, content, commands = step.groups()
        if commands is None:
            (folder / name).write_text(RIG if name == "rig.py" else content)
            continue
        for command in re.findall(r"^\$ (.+)$", commands, re.MULTILINE):
            done = subprocess.run(
                ["bash", "-c", command], cwd=folder, env=variables, capture_output=True, text=True,
                check=False,
            )  # fmt: skip
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
            printed[command] = done.stdout
    return printed


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("rig")


@pytest.fixture(scope="module")
def printed(folder):
    return follow(folder)


def output_of(printed, words):
    found = [text for command, text in printed.items() if words in command]
    assert len(found) == 1, words
    return found[0]


def picture(path):
    with Image.open(path) as image:
        return np.asarray(image, np.float32) / 255


def test_every_step_of_the_page_is_done(printed, folder):
    commands = re.findall(r"^\$ (.+)$", TEXT, re.MULTILINE)
    assert list(printed) == commands
    assert len(commands) == 7
    for name in re.findall(r"`(\w+\.(?:toml|py|png))`", TEXT):
        assert (folder / name).exists(), name
    assert len((folder / "readings.csv").read_text().splitlines()) == 2048


def test_the_page_shows_what_the_commands_print(printed):
    begin = output_of(printed, "head -4").rstrip().splitlines()
    assert "\n".join(f"    {line}" for line in begin) in TEXT
    told = output_of(printed, "bitprior camera").splitlines()
    advice = [line for line in told if "change:" in line]
    assert len(advice) == 1
    quoted = re.search(r"^    (change: .+)$", TEXT, re.MULTILINE)
    assert quoted is not None
    assert advice[0].startswith(quoted[1])


def test_the_check_finds_the_late_frame(printed, folder):
    assert "lag = 1" in output_of(printed, "bitprior camera")
    assert read_camera(folder / "camera.toml").detector.lag == 0
    assert read_camera(folder / "checked.toml").detector.lag == 1


def test_the_picture_is_nearer_to_the_scene_than_the_pseudo_inverse(printed, folder, capsys):
    scene = still_life(64)
    camera = read_camera(folder / "checked.toml")
    plain = recover_readings(load("photo-4bit"), camera, camera.read(), "pseudo-inverse")
    found = psnr(picture(folder / "picture.png"), scene)
    early, before = psnr(picture(folder / "early.png"), scene), psnr(plain.image[0, 0], scene)
    with capsys.disabled():
        print(f" prior {found:.2f} dB, of 25 % {early:.2f}, pseudo-inverse {before:.2f}", end=" ")
    assert found > before + 1
    assert found > early
    assert early > 18


def test_without_the_check_there_is_no_picture(printed, folder):
    scene = still_life(64)
    camera = read_camera(folder / "camera.toml")
    wrong = recover_readings(load("photo-4bit"), camera, camera.read())
    assert psnr(wrong.image[0, 0], scene) < psnr(picture(folder / "picture.png"), scene) - 6


def test_all_methods_stand_side_by_side(printed, folder):
    lines = output_of(printed, "--compare")
    for method in ("prior", "pseudo-inverse", "tikhonov", "tv"):
        assert re.search(rf"^ *{method} +explains", lines, re.MULTILINE)
    height, width = picture(folder / "comparison.png").shape[:2]
    assert height >= 64
    assert width >= 4 * 64 or height >= 2 * 64
