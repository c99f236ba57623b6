"""Folders of patterns: what is in them, all or nothing."""

import csv
import io
import json

import numpy as np
import pytest
from PIL import Image

from bitprior_runtime.camera import pattern_files
from bitprior_runtime.camera.shown import Shown
from bitprior_runtime.cli.main import run
from bitprior_runtime.images import encode_gray
from bitprior_runtime.sensing import parse_operator

TOML = """operator = "hadamard:order=sequency,m=12"
frame = "16x16"
[detector]
pairs = "interleaved"
"""


@pytest.fixture
def camera(tmp_path):
    path = tmp_path / "camera.toml"
    path.write_text(TOML)
    return path


@pytest.fixture
def expected():
    """The pictures of the display, [24,40,50]: 16 x 16 twice as large, from row 4, column 9."""
    rows = parse_operator("hadamard:order=sequency,m=12", (16, 16)).adjoint(np.eye(12))[:, 0]
    light = np.stack([rows > 0, rows < 0], axis=1).reshape(24, 16, 16)
    found = np.zeros((24, 40, 50), bool)
    found[:, 4:36, 9:41] = light.repeat(2, axis=1).repeat(2, axis=2)
    return found


def write(camera, tmp_path, *options):
    out = tmp_path / "patterns"
    return run(["patterns", str(camera), "--out", str(out), *options]), out


def order_of(out):
    lines = (out / "order.csv").read_text().splitlines()
    remarks = [line for line in lines if line.startswith("#")]
    return remarks, list(csv.DictReader(lines[len(remarks) :]))


def read(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_png_files_of_one_bit_are_what_the_order_file_says(camera, tmp_path, expected, capsys):
    status, out = write(camera, tmp_path, "--display", "50x40", "--scale", "2", "--json")
    assert status == 0
    figures = json.loads(capsys.readouterr().out)
    assert (figures["patterns"], figures["shown"], figures["bits"]) == (12, 24, 1)
    assert figures["display"] == {"width": 50, "height": 40}
    remarks, order = order_of(out)
    assert "from row 4, column 9" in remarks[0]
    assert [row["sign"] for row in order] == ["1", "-1"] * 12
    assert [int(row["pattern"]) for row in order] == [k // 2 for k in range(24)]
    for row in order:
        with Image.open(out / row["file"]) as image:
            assert image.mode == "1"
            np.testing.assert_array_equal(np.asarray(image), expected[int(row["shown"])])
    assert len(list(out.iterdir())) == 26


def test_one_archive_holds_the_same(camera, tmp_path, expected):
    status, out = write(camera, tmp_path, "--display", "50x40", "--scale", "2", "--format", "npz")
    assert status == 0
    with np.load(out / "patterns.npz", allow_pickle=False) as archive:
        assert list(archive["display"]) == [40, 50]
        assert archive["bits"] == 1
        bits = np.unpackbits(archive["shown"], axis=2, count=50)
        np.testing.assert_array_equal(archive["sign"], [1, -1] * 12)
        np.testing.assert_array_equal(archive["pattern"], np.arange(24) // 2)
    np.testing.assert_array_equal(bits, expected)


def test_packed_bits_are_laid_out_as_the_order_file_says(camera, tmp_path, expected):
    options = ("--display", "50x40", "--scale", "2", "--format", "packed")
    status, out = write(camera, tmp_path, *options)
    assert status == 0
    remarks, order = order_of(out)
    assert "24 pictures one after the other, each 40 rows of 7 bytes" in remarks[2]
    assert "file" not in order[0]
    data = np.frombuffer((out / "patterns.bin").read_bytes(), np.uint8).reshape(24, 40, 7)
    np.testing.assert_array_equal(np.unpackbits(data, axis=2, count=50), expected)


def test_the_same_patterns_are_the_same_bytes(camera, tmp_path):
    found = []
    for name in ("one", "two"):
        out = tmp_path / name
        assert run(["patterns", str(camera), "--out", str(out), "--format", "npz"]) == 0
        found.append((out / "patterns.npz").read_bytes())
    assert found[0] == found[1]


def test_gray_patterns_have_8_bits_in_png_and_npz(tmp_path):
    stack = np.random.default_rng(0).random((3, 16, 16)).astype(np.float32)
    np.save(tmp_path / "stack.npy", stack)
    camera = tmp_path / "camera.toml"
    camera.write_text('operator = "patterns:stack.npy"\nframe = "16x16"\n')
    status, out = write(camera, tmp_path)
    assert status == 0
    picture = read(out / "1.png")
    assert picture.dtype == np.uint8
    np.testing.assert_allclose(picture, 255 * stack[1] / stack.max(), atol=0.51)
    archive = tmp_path / "archive"
    assert run(["patterns", str(camera), "--out", str(archive), "--format", "npz"]) == 0
    with np.load(archive / "patterns.npz") as found:
        np.testing.assert_array_equal(found["shown"][1], picture)


def test_packed_bits_of_gray_patterns_are_refused(tmp_path, capsys):
    np.save(tmp_path / "stack.npy", np.random.default_rng(0).random((3, 16, 16)))
    camera = tmp_path / "camera.toml"
    camera.write_text('operator = "patterns:stack.npy"\nframe = "16x16"\n')
    status, out = write(camera, tmp_path, "--format", "packed")
    assert status == 2
    assert "found gray patterns" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(("readings", "count"), [("25%", 3), ("5", 5), ("100%", 12)])
def test_only_the_first_patterns_where_few_readings_will_do(camera, tmp_path, readings, count):
    status, out = write(camera, tmp_path, "--readings", readings)
    assert status == 0
    assert len(order_of(out)[1]) == 2 * count


def test_a_folder_with_something_in_it_is_left_alone(camera, tmp_path, capsys):
    out = tmp_path / "patterns"
    out.mkdir()
    assert write(camera, tmp_path)[0] == 0  # empty
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert write(camera, tmp_path)[0] == 2
    assert "expected a new or empty folder" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_a_failure_halfway_leaves_nothing(camera, tmp_path, monkeypatch):
    parts = Shown.parts

    def broken(self):
        yield next(iter(parts(self)))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pattern_files.Shown, "parts", broken)
    status, out = write(camera, tmp_path)
    assert status == 2
    assert not out.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["camera.toml"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--format", "gif"], "--format png, npz, packed; found 'gif'"),
        (["--display", "50"], "--display WIDTHxHEIGHT; found '50'"),
        (["--display", "9x9"], "found 16x16 pixels"),
        (["--at", "1"], "--at TOP,LEFT"),
        (["--flip", "over"], "found 'over'"),
        (["--readings", "0%"], "1 to 12; found '0%'"),
        (["--readings", "few"], "1 to 12; found 'few'"),
        (["--readings", "13"], "1 to 12; found '13'"),
        (["--scale", "0"], "found"),
    ],
)
def test_a_wrong_option_is_one_line_and_writes_nothing(camera, tmp_path, options, message, capsys):
    status, out = write(camera, tmp_path, *options)
    assert status == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize("shape", [(1, 1), (3, 8), (5, 9), (4, 17)])
def test_a_gray_png_is_what_another_reader_sees(shape):
    bits = np.random.default_rng(0).random(shape) < 0.5
    with Image.open(io.BytesIO(encode_gray(bits))) as image:
        assert image.mode == "1"
        np.testing.assert_array_equal(np.asarray(image), bits)
    gray = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    with Image.open(io.BytesIO(encode_gray(gray))) as image:
        assert image.mode == "L"
        np.testing.assert_array_equal(np.asarray(image), gray)
