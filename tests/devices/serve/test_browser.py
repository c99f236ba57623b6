"""The live page as a person sees it: a headless Chromium clicks, uploads and looks."""

import os
import re

import cv2
import numpy as np
import pytest

from bitprior_export.bundle.writer import write_bundle
from bitprior_runtime import load
from builders.browser import CHROMIUM
from builders.bundles import tiny_bundle
from builders.devtools import browsing
from builders.live_page import live_page
from builders.videos import write_video

pytestmark = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"), reason="needs chromium"
)

TOKEN = "a-token-of-24-characters"
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
TEXT = "document.getElementById('{}').textContent"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with browsing(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def brightness(png):
    return float(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE).mean())


def colours(canvas):
    """Return the expression of how many different pixel values a canvas has."""
    return (
        f"(() => {{const c = document.getElementById('{canvas}');"
        "return new Set(new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height)"
        ".data.buffer)).size})()"
    )


def test_a_phone_shows_it_all_and_asks_nobody_else(page, tmp_path):
    bundles = []
    for bits in (4, 1):
        bundles.append(tmp_path / f"{bits}.bitprior")
        write_bundle(bundles[-1], tiny_bundle(bits=bits))
    y = tmp_path / "y.npy"
    np.save(y, load(bundles[0]).bundle.golden.measurements)
    film = write_video(tmp_path / "film.avi", count=5)
    with live_page(*bundles, camera=str(film), token=TOKEN) as served:
        page("Emulation.setDeviceMetricsOverride", **PHONE)
        page.open(served.url)
        # The cookie has taken over: the token is no longer in the address.
        page.wait_for(f"location.href === 'http://127.0.0.1:{served.port}/'")
        page.wait_for(f"{TEXT.format('psnr')}.endsWith(' dB')")
        assert page.evaluate("document.cookie") == ""
        assert page.evaluate(TEXT.format("status")) == "Live"
        for canvas in ("preview", "x", "y", "image", "curve"):
            page.wait_for(f"{colours(canvas)} >= 2")  # a picture is decoded after its frame came
        assert page.evaluate("document.querySelectorAll('#stages tr').length") == 6
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]

        page.click("#bundles label:nth-of-type(2)")
        page.wait_for("document.querySelectorAll('#bundles input')[1].checked")
        page.wait_for("state.selected === 1")

        page.choose_file("#file", y)
        page.click("#upload button")
        page.wait_for("document.querySelectorAll('#recovered canvas').length === 3")
        assert re.match(
            r"Recovered 3 with 1-bit in [\d.]+ ms; loss ", page.evaluate(TEXT.format("answer"))
        )
        assert page.complaints == []

        shots = {}
        for scheme in ("light", "dark"):
            features = [{"name": "prefers-color-scheme", "value": scheme}]
            page("Emulation.setEmulatedMedia", features=features)
            shots[scheme] = page.screenshot()
        assert brightness(shots["light"]) > brightness(shots["dark"]) + 60

        np.save(y, np.zeros((1, 99), np.float32))
        page.choose_file("#file", y)
        page.click("#upload button")
        page.wait_for(f"{TEXT.format('answer')}.includes('shape (1, 99)')")

        home = f"http://127.0.0.1:{served.port}/"
        assert {url for url in page.urls if not url.startswith(home)} == set()
        # The one complaint is the browser's, about the answer 400 that was asked for.
        assert len(page.complaints) == 1
        assert "400" in page.complaints[0]
    assert served.errors == []


def test_a_page_whose_service_ends_says_so(page, bundle_path):
    with live_page(bundle_path) as served:
        page.open(served.url)
        page.wait_for(f"{TEXT.format('status')} === 'No camera: upload a measurement'")
    page.wait_for(f"{TEXT.format('status')}.startsWith('Connection lost')")
