"""``sense --camera | recover --stream``: real videos, real decoders, real pipes."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from bitprior_devices.cameras import recovering, sensing
from bitprior_devices.cameras.fitting import fit_frames
from bitprior_devices.cameras.stopping import stopping
from bitprior_devices.cameras.stream import Header, Record, encode_header, encode_record
from bitprior_runtime import load
from bitprior_runtime.cli.main import run
from bitprior_runtime.images import read_images
from builders.fake_source import FakeSource, gone
from builders.videos import frames, write_video

BITPRIOR = [sys.executable, "-m", "bitprior_runtime"]


@pytest.fixture
def video(tmp_path):
    return write_video(tmp_path / "film.avi", count=8)


def start(*arguments, **options):
    return subprocess.Popen(
        [*BITPRIOR, *map(str, arguments)], stderr=subprocess.PIPE, text=True, **options
    )


@pytest.fixture
def call(monkeypatch, tmp_path, capfd):
    """Run a verb here, with its standard input and output as files; return status and stderr."""

    def invoke(*arguments, stdin=b"", out=None):
        (tmp_path / "stdin").write_bytes(stdin)
        source = os.open(tmp_path / "stdin", os.O_RDONLY)
        target = os.open(tmp_path / "stdout", os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
        monkeypatch.setattr(recovering, "_STDIN", source)
        monkeypatch.setattr(sensing, "_STDOUT", target if out is None else out)
        capfd.readouterr()
        try:
            status = run([str(argument) for argument in arguments])
        finally:
            os.close(source)
            os.close(target)
        captured = capfd.readouterr()
        assert "Traceback" not in captured.err
        return status, captured.out, captured.err

    return invoke


def test_every_frame_of_a_video_becomes_the_image_that_the_model_recovers(
    bundle_path, video, tmp_path
):
    out = tmp_path / "images"
    sense = start("sense", bundle_path, "--camera", video, "--json", stdout=subprocess.PIPE)
    recover = start(
        "recover", bundle_path, "--stream", "--out", out, "--json",
        stdin=sense.stdout, stdout=subprocess.PIPE,
    )  # fmt: skip
    sense.stdout.close()
    report, complaints = recover.communicate(timeout=60)
    figures = json.loads(sense.communicate(timeout=60)[1])
    assert (sense.returncode, recover.returncode, complaints) == (0, 0, "")
    assert (figures["frames"], figures["dropped"]) == (8, 0)
    assert set(figures["stages_ms"]) == {"grab", "fit", "sense", "send"}
    result = json.loads(report)
    assert (result["frames"], result["dropped"], result["out"]) == (8, 0, str(out))
    assert set(result["stages_ms"]) == {"recover", "write"}
    names = sorted(path.name for path in out.iterdir())
    assert names == [f"frame-{index:08d}.png" for index in range(8)]
    model = load(bundle_path)
    y = model.sense(fit_frames(frames(8), model.geometry))  # before the video's losses
    expected = np.concatenate([model.recover(row[np.newaxis]).image for row in y])
    found = np.concatenate([read_images(out / name, model.geometry) for name in names])
    assert np.abs(found - expected).max() < 0.003  # half a byte, and the tiny prior's little


def test_a_reader_that_goes_away_is_a_clean_end(bundle_path, video):
    sense = start("sense", bundle_path, "--camera", video, stdout=subprocess.PIPE)
    os.read(sense.stdout.fileno(), 1)
    sense.stdout.close()
    complaints = sense.communicate(timeout=60)[1]
    assert sense.returncode == 0
    assert complaints.startswith("Sensed: ")
    assert len(complaints.splitlines()) == 1


def test_ctrl_c_and_sigterm_end_either_end_with_its_figures(bundle_path, tmp_path):
    film = write_video(tmp_path / "long.avi", count=300, rate=10)
    out = tmp_path / "latest.png"
    sense = start("sense", bundle_path, "--camera", film, "--realtime", stdout=subprocess.PIPE)
    recover = start(
        "recover", bundle_path, "--stream", "--out", out, "--json",
        stdin=sense.stdout, stdout=subprocess.PIPE,
    )  # fmt: skip
    sense.stdout.close()
    while not out.exists():
        assert recover.poll() is None
    recover.send_signal(signal.SIGINT)
    sense.send_signal(signal.SIGTERM)
    report, complaints = recover.communicate(timeout=60)
    assert (recover.returncode, complaints) == (0, "")
    assert json.loads(report)["frames"] >= 1
    assert "camera to file" in json.loads(report)["stages_ms"]
    complaints = sense.communicate(timeout=60)[1]
    assert sense.returncode == 0
    assert complaints.startswith("Sensed: ")


def test_the_core_install_says_what_a_camera_needs(bundle_path):
    code = (
        "import sys; sys.modules['cv2'] = None\n"
        f"from bitprior_runtime.cli.main import main; main(['sense', {str(bundle_path)!r}, "
        "'--camera', '0'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert "pip install 'bitprior[devices]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_block_without_an_error_and_handlers_are_put_back(number):
    before = signal.getsignal(number)
    with stopping() as stop:
        os.kill(os.getpid(), number)
        time.sleep(5)
        raise AssertionError("the wait went on")
    assert stop.is_set()
    assert signal.getsignal(number) is before
    with pytest.raises(KeyboardInterrupt), stopping():
        raise KeyboardInterrupt  # not from a signal of ours


def test_a_closed_pipe_ends_the_stream(call, bundle_path, video):
    read, write = os.pipe()
    os.close(read)
    status, _, err = call("sense", bundle_path, "--camera", video, out=write)
    os.close(write)
    assert status == 0
    assert err.startswith("Sensed: 0.0 frames/s, 0 done")


def test_a_limit_ends_the_stream(call, bundle_path, video, tmp_path):
    status, out, err = call("sense", bundle_path, "--camera", video, "--frames", 3)
    assert (status, out) == (0, "")
    assert err.startswith("Sensed: ")
    data = (tmp_path / "stdout").read_bytes()
    line, _, rest = data.partition(b"\n")
    assert json.loads(line)["live"] is False
    assert len(rest) == 3 * (16 + 4 * 3)
    found = np.frombuffer(rest, np.dtype([("index", "<u8"), ("captured", "<f8"), ("y", "<f4", 3)]))
    model = load(bundle_path)
    expected = model.sense(fit_frames(frames(3), model.geometry))
    # Nearer to their own frame, through a lossy video, than frames are to each other.
    difference = np.abs(found["y"][:, np.newaxis] - expected).max(axis=-1)
    assert difference.argmin(axis=1).tolist() == [0, 1, 2]
    assert difference.diagonal().max() < 0.01
    options = ("--stream", "--out", tmp_path / "a.png", "--frames", 2, "--warm-start")
    status, out, _ = call("recover", bundle_path, *options, stdin=data)
    assert status == 0
    assert "2 done, 0 dropped" in out
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_a_recording_in_real_time_is_a_live_stream(call, bundle_path, tmp_path):
    film = write_video(tmp_path / "film.avi", count=4, rate=100)
    status, _, err = call("sense", bundle_path, "--camera", film, "--realtime", "--json")
    figures = json.loads(err)
    assert status == 0
    assert figures["frames"] + figures["dropped"] == 4
    line, _, data = (tmp_path / "stdout").read_bytes().partition(b"\n")
    assert json.loads(line)["live"] is True
    data = encode_header(Header(3, True, "another machine")) + data
    arguments = ("recover", bundle_path, "--stream", "--out", tmp_path / "images", "--json")
    status, out, _ = call(*arguments, stdin=data)
    result = json.loads(out)
    assert status == 0
    assert result["frames"] + result["dropped"] == 4 or result["frames"] >= 1
    assert "camera to file" not in result["stages_ms"]


def test_dropped_frames_are_counted_from_the_gaps(call, bundle_path, tmp_path):
    y = load(bundle_path).bundle.golden.measurements[0]
    written = [encode_record(Record(index, 0.0, y)) for index in (10, 11, 15, 16)]
    data = encode_header(Header(3, False)) + b"".join(written)
    arguments = ("recover", bundle_path, "--stream", "--out", tmp_path / "a.png", "--json")
    status, out, _ = call(*arguments, stdin=data)
    assert status == 0
    assert (json.loads(out)["frames"], json.loads(out)["dropped"]) == (4, 3)


def test_a_warm_start_begins_at_the_latent_before(call, bundle_path, tmp_path):
    y = load(bundle_path).bundle.golden.measurements[0]
    data = encode_header(Header(3, False)) + b"".join(
        encode_record(Record(index, 0.0, y)) for index in range(5)
    )
    losses = []
    for options in ([], ["--warm-start"]):
        arguments = ("recover", bundle_path, "--stream", "--out", tmp_path / "a.png", "--json")
        _, out, _ = call(*arguments, "--steps", 5, *options, stdin=data)
        losses.append(json.loads(out)["loss"])
    assert losses[1] < losses[0]


def test_an_unplugged_camera_is_waited_for_and_then_an_error(
    call, bundle_path, monkeypatch, tmp_path
):
    sources = [FakeSource(frames=2, last=gone()), FakeSource(frames=2, last=gone())]

    def open_source(_):
        if sources:
            return sources.pop(0)
        raise gone()

    monkeypatch.setattr(sensing, "open_source", open_source)
    status, _, err = call("sense", bundle_path, "--camera", "0", "--patience", "0.6")
    lines = err.splitlines()
    assert status == 4
    assert [line.split(":")[0] for line in lines[:1]] == ["Waiting for the camera"]
    assert lines[-1].startswith("bitprior: expected frames from fake")
    _, _, data = (tmp_path / "stdout").read_bytes().partition(b"\n")
    assert 2 * 28 <= len(data) <= 4 * 28


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sense", "{bundle}"], "an image and --out, or --camera"),
        (["sense", "{bundle}", "x.png"], "an image and --out, or --camera"),
        (["sense", "{bundle}", "x.png", "--camera", "0"], "no image and no --out with --camera"),
        (["sense", "{bundle}", "--camera", "missing"], "a camera (0, /dev/video0"),
        (["sense", "{bundle}", "--camera", "0", "--frames", "0"], "greater than or equal to 1"),
        (["recover", "{bundle}", "--out", "a.png"], "a file of measurements, or --stream"),
        (["recover", "{bundle}", "y.npy", "--out", "a.png", "--stream"], "found both"),
        (["recover", "{bundle}", "--out", "a.npy", "--stream"], "or a folder"),
        (["recover", "{bundle}", "--out", "no/a.png", "--stream"], "an existing folder"),
        (["recover", "{bundle}", "--out", "a.png", "--stream"], "found nothing"),
    ],
)
def test_wrong_arguments_are_one_line(call, bundle_path, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    status, out, err = call(*[part.format(bundle=bundle_path) for part in arguments])
    assert (status, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1


def test_a_stream_of_another_prior_is_refused_before_any_work(call, bundle_path, tmp_path):
    data = encode_header(Header(7, False))
    arguments = ("recover", bundle_path, "--stream", "--out", tmp_path / "a.png")
    status, _, err = call(*arguments, stdin=data)
    assert status == 2
    assert "a stream with m = 7" in err
    assert not (tmp_path / "a.png").exists()


def test_an_empty_stream_leaves_no_image_and_valid_json(call, bundle_path, tmp_path):
    arguments = ("recover", bundle_path, "--stream", "--out", tmp_path / "a.png")
    data = encode_header(Header(3, True))
    status, out, _ = call(*arguments, "--json", stdin=data)
    assert (status, json.loads(out)["loss"], json.loads(out)["frames"]) == (0, None, 0)
    assert "last loss none" in call(*arguments, stdin=data)[1]
    assert not (tmp_path / "a.png").exists()


def test_bytes_do_not_go_to_a_terminal_nor_come_from_one(call, bundle_path, video, monkeypatch):
    ours, theirs = pty.openpty()
    status, _, err = call("sense", bundle_path, "--camera", video, out=theirs)
    assert status == 2
    assert "| bitprior recover" in err
    monkeypatch.setattr(os, "isatty", lambda _: True)
    status, _, err = call("recover", bundle_path, "--stream", "--out", Path("a.png"))
    assert status == 2
    assert "bitprior sense MODEL --camera 0 |" in err
    os.close(ours)
    os.close(theirs)
