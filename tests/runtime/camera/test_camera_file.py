"""camera.toml: every key is read, written back and explained; everything else is refused."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

from bitprior_runtime.camera import Camera, Detector, read_camera, write_camera
from bitprior_runtime.camera.camera_file import READINGS_KEYS, TOP_KEYS
from bitprior_runtime.camera.camera_toml import to_toml
from bitprior_runtime.camera.detector import NOISES, PAIRS, detector_keys
from bitprior_runtime.camera.drift import DRIFTS
from bitprior_runtime.camera.operator_files import located
from bitprior_runtime.camera.robust import OUTLIERS
from bitprior_runtime.camera.view import VIEWS, Viewed
from bitprior_runtime.errors import MissingFileError, UsageError
from bitprior_runtime.sensing import parse_operator

DOCS = Path(__file__).parents[3] / "docs/cameras.md"
FULL = """
operator = "patterns:patterns.npy"
frame = "4x6"
view = "half-turn"
units = "counts"

[readings]
file = "readings.npz"
key = "y"
row = 2

[detector]
pairs = "interleaved"
lag = 1
polarity = -1
dark = 12.5
gain = "unknown"
gain_sign = "free"
offset = 3.0
drift = "median"
drift_order = 2
drift_window = 51
saturation = 4095.0
leave_out = [0, "61-63"]
outliers = "trimmed"
outlier_limit = 5.0
noise = "poisson-gauss"
noise_sigma = 2.0
photons = 0.5
"""


@pytest.fixture
def folder(tmp_path):
    np.save(tmp_path / "patterns.npy", np.arange(7 * 24).reshape(7, 4, 6) % 5)
    return tmp_path


def written(folder, text):
    (folder / "camera.toml").write_text(text)
    return folder / "camera.toml"


def test_a_camera_file_is_read_key_by_key(folder):
    camera = read_camera(written(folder, FULL))
    assert camera.frame == (4, 6)
    assert camera.units == "counts"
    assert (camera.key, camera.row, camera.column) == ("y", 2, None)
    assert camera.readings_path() == folder / "readings.npz"
    assert camera.detector == Detector(
        pairs="interleaved", lag=1, polarity=-1, dark=12.5, gain=None, gain_sign="free",
        offset=3.0, drift="median", drift_order=2, drift_window=51, saturation=4095.0,
        leave_out=(0, 61, 62, 63), outliers="trimmed", outlier_limit=5.0, noise="poisson-gauss",
        noise_sigma=2.0, photons=0.5,
    )  # fmt: skip


def test_what_is_written_is_read_as_the_same(folder):
    camera = read_camera(written(folder, FULL))
    write_camera(folder / "again.toml", camera)
    again = read_camera(folder / "again.toml")
    assert again == camera
    assert 'leave_out = [0, "61-63"]' in (folder / "again.toml").read_text()


def test_a_camera_written_elsewhere_finds_the_same_files(folder):
    (folder / "more").mkdir()
    camera = read_camera(written(folder, FULL))
    write_camera(folder / "more/camera.toml", camera)
    again = read_camera(folder / "more/camera.toml")
    assert again.operator == "patterns:../patterns.npy"
    assert again.readings_path().resolve() == (folder / "readings.npz").resolve()
    x = np.random.default_rng(0).random((1, 1, 4, 6))
    np.testing.assert_array_equal(again.build().forward(x), camera.build().forward(x))


def test_only_what_is_not_as_by_default_is_written():
    text = to_toml(Camera("hadamard:order=natural", (8, 8), Detector(lag=2)))
    assert text == 'operator = "hadamard:order=natural"\nframe = "8x8"\n\n[detector]\nlag = 2\n'


def test_texts_with_quotes_and_control_characters_come_back(tmp_path):
    camera = Camera("hadamard:m=4", (8, 8), units='a "b" \\ c\n\td\x01é')
    assert tomllib.loads(to_toml(camera))["units"] == camera.units


def test_files_of_an_operator_are_relative_to_the_camera_file(folder):
    camera = read_camera(written(folder, 'operator = "patterns:patterns.npy"\nframe = [4, 6]\n'))
    assert camera.operator_text == f"patterns:{(folder / 'patterns.npy').absolute()}"
    assert camera.build().size == 7
    text = "hadamard:order=sequency,m=4,rows=rows.npy"
    assert located(text, Path("/a")) == "hadamard:order=sequency,m=4,rows=/a/rows.npy"
    keyed = "patterns:in.npz#p,frame=2x2,packed=01"
    assert located(keyed, Path("/a"), Path("/b")) == "patterns:../a/in.npz#p,frame=2x2,packed=01"


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_turns_patterns_and_its_adjoint_is_exact(view, folder):
    turned = view in ("transposed", "quarter-left", "quarter-right")
    frame = (6, 4) if turned else (4, 6)
    camera = Camera("patterns:patterns.npy", frame, view=view, folder=folder)
    operator = camera.build()
    assert operator.frame == frame
    rng = np.random.default_rng(1)
    x, r = rng.random((2, 1, *frame), np.float32), rng.random((2, operator.size), np.float32)
    left = np.sum(operator.forward(x).astype(float) * r)
    assert left == pytest.approx(np.sum(operator.adjoint(r).astype(float) * x), rel=1e-5)
    stack = np.load(folder / "patterns.npy")
    shown = {
        "as-written": stack,
        "transposed": stack.transpose(0, 2, 1),
        "flipped-up-down": stack[:, ::-1],
        "flipped-left-right": stack[:, :, ::-1],
        "half-turn": stack[:, ::-1, ::-1],
        "quarter-left": np.rot90(stack, 1, (1, 2)),
        "quarter-right": np.rot90(stack, -1, (1, 2)),
    }[view]
    np.testing.assert_allclose(
        operator.forward(x), np.einsum("mhw,bhw->bm", shown, x[:, 0]), rtol=1e-5
    )


def test_an_unknown_view_is_one_line():
    with pytest.raises(UsageError, match="a view"):
        Viewed(parse_operator("hadamard:m=4", (8, 8)), "sideways")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("lag = 1", "lags = 1"), "lags"),
        (("units", "unit"), "unit"),
        (('file = "readings.npz"', "fle = 3"), "fle"),
        (('operator = "patterns:patterns.npy"', ""), "the key operator"),
        (('frame = "4x6"', ""), "the key frame"),
        (('frame = "4x6"', "frame = 24"), "height x width"),
        (('frame = "4x6"', 'frame = "four"'), "a frame HxW"),
        (("lag = 1", "lag = 9"), r"under \[detector\]"),
        (("lag = 1", 'lag = "one"'), "whole number"),
        (("lag = 1", "lag = ["), "a TOML file"),
        (('key = "y"', "key = 3"), "a text for key"),
        (("row = 2", "row = -1"), "row, a number from 0"),
        (('view = "half-turn"', 'view = "mirror"'), "view = one of"),
        (('[0, "61-63"]', '["63-61"]'), "leave_out"),
        (("gain = ", "gain = 0 #"), "gain"),
        (("saturation = 4095.0", 'saturation = "full"'), "saturation"),
        (('pairs = "interleaved"', 'pairs = "both"'), "pairs = one of"),
    ],
)
def test_a_camera_file_that_is_wrong_is_one_line(folder, change, words):
    with pytest.raises(UsageError, match=words) as error:
        read_camera(written(folder, FULL.replace(*change)))
    assert "\n" not in str(error.value)
    assert "camera.toml" in str(error.value) or "HxW" in str(error.value)


def test_a_table_that_is_none_and_a_file_that_is_no_text_are_one_line(folder):
    with pytest.raises(UsageError, match=r"\[detector\] as a table"):
        read_camera(written(folder, 'operator = "a:b"\nframe = "2x2"\ndetector = 3\n'))
    (folder / "camera.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="a TOML file"):
        read_camera(folder / "camera.toml")
    with pytest.raises(MissingFileError):
        read_camera(folder / "none.toml")


def test_unknown_orders_and_other_frames_are_one_line(folder):
    with pytest.raises(UsageError, match="cake-cutting"):
        Camera("hadamard:order=walsh", (8, 8)).build()
    with pytest.raises(UsageError, match="4x6"):
        read_camera(written(folder, FULL.replace("4x6", "6x6"))).build()


def test_a_camera_without_a_file_of_readings_asks_for_one():
    with pytest.raises(UsageError, match="a file of readings"):
        Camera("hadamard:m=4", (8, 8)).readings_path()


def test_every_key_and_every_word_is_in_the_documentation():
    text = DOCS.read_text("utf-8")
    for key in (*TOP_KEYS, *READINGS_KEYS, *detector_keys()):
        assert f"`{key}`" in text, key
    for word in (*PAIRS, *NOISES, *DRIFTS, *OUTLIERS, *VIEWS):
        assert f"`{word}`" in text, word


def test_the_camera_files_of_the_documentation_are_read(tmp_path):
    blocks = DOCS.read_text("utf-8").split("```toml\n")[1:]
    assert len(blocks) >= 3
    for block in blocks:
        read_camera(written(tmp_path, block.split("```")[0]))
