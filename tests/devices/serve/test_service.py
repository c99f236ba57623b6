"""The service from start to end: limits, lost cameras, addresses, names."""

import base64
import json
import socket

import cv2
import numpy as np
import pytest

from bitprior_devices.cameras import CameraError, Frame
from bitprior_devices.serve import service
from bitprior_devices.serve.prior import Wishes, make_priors
from bitprior_devices.serve.service import Service, run_service
from bitprior_devices.serve.snapshot import Snapshot
from bitprior_export.bundle.writer import write_bundle
from bitprior_runtime import load
from bitprior_runtime.cli.main import run
from builders.bundles import tiny_bundle
from builders.fake_source import FakeSource, gone
from builders.live_page import live_page
from builders.videos import write_video


def test_a_large_frame_is_shown_small_and_in_its_colours(bundle_path):
    pixels = np.zeros((1, 480, 640, 3), np.uint8)
    pixels[..., 0] = 200
    model = load(bundle_path)
    recovery = model.recover(model.bundle.golden.measurements[:1], steps=1)
    x, y = recovery.image[0], model.bundle.golden.measurements[0]
    snapshot = Snapshot(Frame(0, 0.0, pixels), 0, x, y, recovery, {}, 0.0, 0)
    data = base64.b64decode(json.loads(snapshot.encoded)["preview"])
    shown = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert shown.shape == (240, 320, 3)
    assert np.abs(shown.mean(axis=(0, 1)) - (200, 0, 0)).max() < 5
    assert snapshot.psnr > 100  # the same image


def test_so_many_frames_and_then_the_end(bundle_path, tmp_path, capsys):
    film = write_video(tmp_path / "film.avi", count=3, rate=100)
    arguments = ["serve", bundle_path, "--camera", film, "--port", "0", "--frames", "5"]
    arguments += ["--solver", "lbfgs", "--steps", "2", "--json"]
    status = run([str(part) for part in arguments])
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert (status, result["frames"]) == (0, 5)
    assert result["stages_ms"]["recover"]["median"] > 0
    assert captured.err.startswith("Serving on http://127.0.0.1:")
    assert len(captured.err.splitlines()) == 1


def test_a_service_takes_camera_address_and_token_from_the_environment(
    bundle_path, tmp_path, capsys, monkeypatch
):
    film = write_video(tmp_path / "film.avi", count=3, rate=100)
    monkeypatch.setenv("BITPRIOR_CAMERA", str(film))
    monkeypatch.setenv("BITPRIOR_HOST", "0.0.0.0")
    monkeypatch.setenv("BITPRIOR_TOKEN", "a-token-of-24-characters")
    status = run(["serve", str(bundle_path), "--port", "0", "--frames", "1"])
    captured = capsys.readouterr()
    assert status == 0
    assert captured.out.startswith("Served 1 frames")
    assert captured.err.endswith("/?token=a-token-of-24-characters\n")


def test_a_lost_camera_is_said_and_comes_back(bundle_path, monkeypatch, capsys):
    sources = [FakeSource(frames=2, last=gone()), FakeSource(frames=10**9)]
    monkeypatch.setattr(service, "open_source", lambda _: sources.pop(0))
    with live_page(bundle_path, camera="0") as page, page.events() as events:
        messages = []
        for name, data in events:
            if name == "state":
                messages.append(json.loads(data)["message"])
            if name == "frame" and json.loads(data)["frame"] > 2:
                break
    # A page that is slow may have missed the first, but not the last.
    assert messages[-1] == ""
    assert page.figures.lost == 1
    err = capsys.readouterr().err
    assert err.startswith("Waiting for the camera: frames from fake, found none any more\n")
    assert "The camera is back after" in err


def test_a_camera_that_stays_away_ends_the_service_with_its_error(bundle_path, monkeypatch):
    def open_source(_):
        raise gone()

    monkeypatch.setattr(service, "open_source", open_source)
    with live_page(bundle_path, camera="0", patience=0) as page:
        page.thread.join(20)
    (error,) = page.errors
    assert isinstance(error, CameraError)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--camera", "/dev"], "image files"),
        (["--token", "short"], "at least 16"),
        (["--host", "192.0.2.1"], "to listen on 192.0.2.1"),
        (["--port", "70000"], "65535"),
        (["--engine", "unknown"], "unknown"),
    ],
)
def test_wrong_arguments_are_one_line(bundle_path, capsys, arguments, message):
    status = run(["serve", str(bundle_path), "--port", "0", *arguments])
    err = capsys.readouterr().err
    assert status == 2
    assert message in err
    assert len(err.splitlines()) == 1


def test_a_port_in_use_is_an_error(bundle_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert run(["serve", str(bundle_path), "--port", str(port)]) == 2
    assert "choose another --port" in capsys.readouterr().err


def test_an_address_that_others_reach_comes_with_a_token(bundle_path):
    with live_page(bundle_path, host="0.0.0.0", names=["board.example"]) as page:
        start, _, token = page.url.partition("/?token=")
        assert start == f"http://{socket.gethostname()}:{page.port}"
        assert len(token) == 32
        assert page.ask("/").status == 401
        assert page.ask("/", Host="board.example", Authorization=f"Bearer {token}").status == 200


@pytest.mark.skipif(not socket.has_ipv6, reason="needs IPv6")
def test_an_ipv6_address_is_printed_as_a_url_has_it(bundle_path):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 loopback")
    with live_page(bundle_path, host="::1") as page:
        assert page.url.startswith("http://[::1]:")


def test_bundles_have_names_that_tell_them_apart(tmp_path):
    loaded = []
    for name, bits in (("a", 4), ("b", 4), ("c", 32)):
        write_bundle(tmp_path / f"{name}.bitprior", tiny_bundle(bits=bits))
        loaded.append((tmp_path / f"{name}.bitprior", load(tmp_path / f"{name}.bitprior")))
    labels = [prior.label for prior in make_priors(loaded, Wishes())]
    assert labels == ["a (4-bit)", "b (4-bit)", "32-bit float"]


def test_the_fastest_engine_is_measured_once(bundle_path, monkeypatch):
    model = load(bundle_path)
    (prior,) = make_priors([(bundle_path, model)], Wishes(engine="auto", steps=2))
    calls = []
    choose = model.choose
    monkeypatch.setattr(model, "choose", lambda *args: calls.append(args) or choose(*args))
    y = model.bundle.golden.measurements
    for _ in range(2):
        assert prior.recover(y).steps.max() == 2
    assert calls == [(1, "auto", None)]


def test_a_prior_of_neither_gray_nor_rgb_has_no_camera(bundle_path, monkeypatch):
    monkeypatch.setattr(type(load(bundle_path)), "geometry", (2, 2, 3))
    with live_page(bundle_path, camera="0") as page:
        page.thread.join(20)
    assert "2 channels" in str(page.errors[0])
    assert run_service.__doc__
    assert Service().host == "127.0.0.1"
