"""The live page over HTTP: what it shows, and what it refuses."""

import base64
import io
import json
import re
import socket
import threading
import time

import numpy as np
import pytest

from bitprior_devices.serve import handler, server, worker
from bitprior_devices.serve.uploads import MAX_BYTES, upload_limit
from bitprior_export.bundle.writer import write_bundle
from bitprior_runtime import load
from builders.bundles import tiny_bundle
from builders.live_page import live_page
from builders.videos import write_video

TOKEN = "a-token-of-24-characters"
FILES = ("/", "/drawing.js", "/page.js", "/page.css", "/icon.svg")


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles")
    for bits in (4, 1):
        write_bundle(folder / f"{bits}.bitprior", tiny_bundle(bits=bits))
    return folder / "4.bitprior", folder / "1.bitprior"


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("film") / "film.avi", count=5, rate=50)


@pytest.fixture(scope="module")
def page(bundles):
    """A page without a camera."""
    with live_page(*bundles) as served:
        yield served


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def upload(page, array, **headers):
    return page.ask("/recover", "POST", npy(array), **headers)


def test_every_file_of_the_page_comes_with_headers_that_lock_it_in(page):
    for path in (*FILES, "/figures", "/nothing"):
        answer = page.ask(path)
        assert answer.status == (404 if path == "/nothing" else 200)
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'self';")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Server"] == "bitprior"
        assert len(answer.body) == int(answer.headers["Content-Length"])
    assert json.loads(page.ask("/figures").body)["frames"] == 0


def test_the_page_names_nothing_elsewhere_and_is_small(page):
    whole = b"".join(page.ask(path).body for path in FILES)
    addresses = set(re.findall(rb"(?:https?:)?//[a-z][^\s\"']*", whole))
    assert addresses == {b"http://www.w3.org/2000/svg"}  # a name of a language, not a file
    assert len(whole) < 20_000


def test_a_frame_arrives_with_measurement_image_psnr_losses_and_times(bundles, film):
    with live_page(bundles[0], camera=str(film)) as page, page.events() as events:
        name, state = next(events)
        assert name == "state"
        assert json.loads(state)["camera"] is True
        name, data = next(events)
        frame = json.loads(data)
        while frame["frame"] < 6:  # begun again
            frame = json.loads(next(events)[1])
    assert name == "frame"
    model = load(bundles[0])
    assert base64.b64decode(frame["preview"]).startswith(b"\xff\xd8\xff")
    x = np.frombuffer(base64.b64decode(frame["x"]["pixels"]), np.uint8) / 255
    x = x.astype(np.float32).reshape(1, 1, 2, 3)
    y = np.frombuffer(base64.b64decode(frame["y"]), "<f4")
    assert np.abs(model.sense(x) - y).max() < 1e-5
    recovery = model.recover(y[np.newaxis], steps=3)
    image = np.frombuffer(base64.b64decode(frame["image"]["pixels"]), np.uint8) / 255
    assert np.abs(recovery.image.ravel() - image).max() <= 0.51 / 255
    psnr = -10 * np.log10(np.mean((x - recovery.image) ** 2))
    assert frame["psnr"] == pytest.approx(psnr, abs=1e-3)
    assert frame["loss"] == pytest.approx(recovery.loss[0], rel=1e-4)
    assert [step for step, _ in frame["history"]] == [0, 1, 2, 3]
    stages = {"grab", "wait", "fit", "sense", "recover", "camera to image"}
    assert set(frame["stages"]) == stages
    assert page.figures.done > 0
    assert page.errors == []


def test_a_page_can_switch_the_bundle_for_all(bundles, film):
    with live_page(*bundles, camera=str(film), warm_start=True) as page, page.events() as events:
        state = json.loads(next(events)[1])
        assert [bundle["label"] for bundle in state["bundles"]] == ["4-bit", "1-bit"]
        assert state["selected"] == 0
        assert json.loads(next(events)[1])["bundle"] == 0
        answer = page.ask("/bundle", "POST", b'{"index": 1}', Origin=page.url[:-1])
        assert json.loads(answer.body) == {"selected": 1}
        seen = [next(events) for _ in range(4)]
        assert [json.loads(data)["selected"] for name, data in seen if name == "state"] == [1]
        assert [json.loads(data)["bundle"] for name, data in seen if name == "frame"][-1] == 1


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"1", b"[", b'{"index": "1"}', b'{"index": 2}', b'{"index": -1}',
             b'{"index": true}', b'{"index": 1e400}', b"\xff"],
)  # fmt: skip
def test_what_names_no_bundle_is_refused(page, body):
    assert page.ask("/bundle", "POST", body).status == 400


def test_an_upload_is_recovered_as_the_model_does(page, bundles):
    model = load(bundles[0])
    y = model.bundle.golden.measurements
    answer = upload(page, y)
    assert answer.status == 200
    found = json.loads(answer.body)
    assert found["bundle"] == "4-bit"
    expected = model.recover(y, steps=3)
    assert [one["loss"] for one in found["recovered"]] == pytest.approx(expected.loss.tolist())
    for one, image in zip(found["recovered"], expected.image, strict=True):
        assert {key: one["image"][key] for key in ("width", "height", "channels")} == {
            "width": 3, "height": 2, "channels": 1,
        }  # fmt: skip
        pixels = np.frombuffer(base64.b64decode(one["image"]["pixels"]), np.uint8)
        assert np.abs(pixels / 255 - image.ravel()).max() <= 0.51 / 255
    single = json.loads(upload(page, y[0].astype(np.float64)).body)
    assert len(single["recovered"]) == 1


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", b".npy"),
        (b"no array", b".npy"),
        (npy(np.zeros((1, 4), np.float32)), b"shape (1, 4)"),
        (npy(np.zeros((0, 3), np.float32)), b"shape (0, 3)"),
        (npy(np.zeros((17, 3), np.float32)), b"at most 16"),
        (npy(np.zeros((1, 3), np.int32)), b"dtype int32"),
        (npy(np.full((1, 3), np.nan, np.float32)), b"NaN"),
        (npy(np.zeros((2, 3), np.float32))[:-4], b"announced"),
        (npy(np.array(3.0)), b"shape (1, 1)"),
    ],
)
def test_what_is_no_measurement_is_refused_with_a_reason(page, body, message):
    answer = page.ask("/recover", "POST", body)
    assert answer.status == 400
    assert message in answer.body


def test_uploads_are_limited_before_they_are_read(page):
    assert upload_limit(3) == 1024 + 16 * 3 * 8
    assert upload_limit(10**9) == 1024 + MAX_BYTES
    large = str(upload_limit(3) + 1)
    assert page.ask("/recover", "POST", Content_Length=large).status == 413
    assert page.ask("/recover", "POST", Content_Length=None).status == 411
    assert (
        page.ask("/recover", "POST", Transfer_Encoding="chunked", Content_Length="3").status == 411
    )
    for wrong in ("-1", "1e3", "0x10", "9" * 13, "\u0663".encode().decode("latin-1")):
        assert page.ask("/recover", "POST", Content_Length=wrong).status == 400


def test_a_failing_recovery_is_an_error_of_that_upload_alone(page, bundles, monkeypatch, capfd):
    def fail(*_):
        raise ZeroDivisionError("made up")

    y = load(bundles[0]).bundle.golden.measurements
    monkeypatch.setattr("bitprior_devices.serve.prior.Prior.recover", fail)
    answer = upload(page, y)
    assert (answer.status, answer.body) == (500, b"the recovery failed\n")
    assert "made up" in capfd.readouterr().err
    monkeypatch.undo()
    assert upload(page, y).status == 200


def test_too_many_uploads_are_asked_to_come_back(page, bundles, monkeypatch):
    entered, go_on = threading.Event(), threading.Event()
    recover = worker.Prior.recover

    def slow(self, y, latent=None):
        entered.set()
        assert go_on.wait(120)
        return recover(self, y, latent)

    monkeypatch.setattr("bitprior_devices.serve.prior.Prior.recover", slow)
    monkeypatch.setattr(worker, "UPLOAD_SECONDS", 120)
    y = load(bundles[0]).bundle.golden.measurements
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(upload(page, y)))
        for _ in range(worker.MAX_UPLOADS + 3)
    ]
    for thread in threads:
        thread.start()
    assert entered.wait(120)
    end = time.monotonic() + 120
    while len(answers) < 3 and time.monotonic() < end:
        time.sleep(0.01)
    assert [answer.status for answer in answers] == [503] * 3
    assert {answer.headers["Retry-After"] for answer in answers} == {"1"}
    go_on.set()
    for thread in threads:
        thread.join()
    assert [answer.status for answer in answers].count(200) == worker.MAX_UPLOADS


def test_an_upload_that_never_gets_its_turn_ends(page, bundles, monkeypatch):
    monkeypatch.setattr(worker, "UPLOAD_SECONDS", 0.05)
    monkeypatch.setattr("bitprior_devices.serve.prior.Prior.recover", lambda *_: time.sleep(0.3))
    assert upload(page, load(bundles[0]).bundle.golden.measurements).status == 500


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET / HTTP/1.1", b"200"),
        (b"DELETE / HTTP/1.1", b"501"),
        (b"OPTIONS * HTTP/1.1", b"501"),
        (b"GET //[ HTTP/1.1", b"404"),
        (b"GET http://[/ HTTP/1.1", b"400"),
        (b"GET /../../etc/passwd HTTP/1.1", b"404"),
        (b"GET /%2e%2e/handler.py HTTP/1.1", b"404"),
        (b"GET / HTTP/9.9", b"505"),
        (b"nonsense", b"400"),
        (b"GET /" + b"a" * 70000 + b" HTTP/1.1", b"414"),
        (b"POST /nothing HTTP/1.1", b"404"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 70000, b"431"),
    ],
)
def test_odd_requests_get_an_answer(page, request_line, status):
    with socket.create_connection(("127.0.0.1", page.port), timeout=20) as connection:
        connection.sendall(request_line + b"\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
        answer = connection.makefile("rb").read()
    assert answer.split()[1] == status
    assert b"X-Content-Type-Options: nosniff" in answer


def drip(connection, data):
    """Send a byte every now and then; return how many were taken before the other end hung up."""
    for sent in range(len(data)):
        try:
            connection.sendall(data[sent : sent + 1])
        except OSError:
            return sent
        time.sleep(0.02)
    return len(data)


def test_a_request_that_drips_in_is_cut_off(page, monkeypatch):
    monkeypatch.setattr(handler, "READ_SECONDS", 0.3)
    begin = time.monotonic()
    with socket.create_connection(("127.0.0.1", page.port), timeout=20) as connection:
        assert drip(connection, b"GET / HTTP/1.1\r\nHost: " + b"a" * 1000) < 500
    assert time.monotonic() - begin < 5
    with socket.create_connection(("127.0.0.1", page.port), timeout=20) as connection:
        assert connection.recv(1) == b""  # said nothing, and was let go
    assert page.ask("/figures").status == 200


def test_a_page_of_another_name_is_refused(page):
    for host in ("evil.example", f"evil.example:{page.port}", None):
        answer = page.ask("/", Host=host)
        assert answer.status == 421
        assert b"<" not in answer.body


def test_another_site_may_not_switch_or_upload(page):
    for path in ("/bundle", "/recover"):
        assert page.ask(path, "POST", b'{"index": 0}', Origin="http://evil.example").status == 403


@pytest.fixture(scope="module")
def guarded(bundles):
    with live_page(bundles[0], token=TOKEN) as served:
        yield served


def test_without_the_token_there_is_nothing(guarded):
    for path in ("/", "/page.js", "/events", "/figures", "/?token=wrong", "/?token="):
        answer = guarded.ask(path)
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert TOKEN.encode() not in answer.body
    assert guarded.ask("/recover", "POST", b"x").status == 401
    assert guarded.ask("/bundle", "POST", b"x", Authorization="Bearer wrong").status == 401


def test_the_printed_link_gives_a_cookie_that_opens_the_page(guarded):
    assert guarded.url == f"http://127.0.0.1:{guarded.port}/?token={TOKEN}"
    answer = guarded.ask(f"/?token={TOKEN}")
    assert answer.status == 200
    assert b'content="0;url=/"' in answer.body
    cookie, *attributes = answer.headers["Set-Cookie"].split("; ")
    assert set(attributes) == {"Path=/", "HttpOnly", "SameSite=Strict"}
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert guarded.ask("/", Cookie=cookie).status == 200
    assert guarded.ask("/figures", Authorization=f"Bearer {TOKEN}").status == 200


def test_too_many_connections_are_told_so_and_room_is_made_again(bundles, monkeypatch):
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 2)
    with live_page(bundles[0]) as page:
        held = [socket.create_connection(("127.0.0.1", page.port), timeout=20) for _ in range(3)]
        assert held[2].recv(1000).startswith(b"HTTP/1.0 503 Service Unavailable\r\nRetry-After: 2")
        assert page.ask("/figures").status == 503
        for connection in held:
            connection.close()
        end = time.monotonic() + 20
        while (status := page.ask("/figures").status) == 503 and time.monotonic() < end:
            time.sleep(0.02)
        assert status == 200


def test_a_thread_that_cannot_start_costs_no_room_for_ever(bundles, monkeypatch, capfd):
    def fail(*_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(server, "MAX_CONNECTIONS", 1)
    with live_page(bundles[0]) as page:
        for _ in range(2):
            with monkeypatch.context() as patch:
                patch.setattr(server.ThreadingHTTPServer, "process_request", fail)
                with pytest.raises(OSError):  # noqa: PT011 - closed or reset
                    page.ask("/figures")
        assert page.ask("/figures").status == 200
    assert "can't start new thread" in capfd.readouterr().err


def test_after_the_deadline_nothing_is_read():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"ab")
        assert server.DeadlineReader(ours, 10).read(1) == b"a"
        with pytest.raises(TimeoutError):
            server.DeadlineReader(ours, 0).read(1)


def test_too_many_pages_are_told_so(bundles, monkeypatch):
    monkeypatch.setattr(server, "MAX_PAGES", 1)
    with live_page(bundles[0]) as page, page.events() as events:
        next(events)
        answer = page.ask("/events")
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        assert page.ask("/figures").status == 200


def test_nothing_new_is_said_now_and_then(page, monkeypatch):
    monkeypatch.setattr(handler, "KEEP_ALIVE_SECONDS", 0.05)
    with socket.create_connection(("127.0.0.1", page.port), timeout=20) as connection:
        connection.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        data = b""
        while data.count(b": nothing new\n\n") < 2:
            part = connection.recv(1000)
            assert part
            data += part
    assert data.count(b"event: state") == 1
