"""The report: what it shows, and that it needs nothing but itself."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from bitprior_export.report import Baseline, Report, Row, write_report
from bitprior_export.report.html import render
from bitprior_runtime.errors import MissingExtraError, UnwritableOutputError


def row(bits):
    return Row(
        label=f"{bits}-bit",
        bits=bits,
        psnr=20 + bits / 10,
        psnr_half_width=0.3,
        ssim=0.8,
        ssim_half_width=0.01,
        generator_bytes=1000 * bits,
        bundle_bytes=1000 * bits + 5000,
        recovery_ms=1.5,
        engine="float",
        kernel="numpy",
    )


@pytest.fixture
def report():
    images = np.random.default_rng(0).random((4, 1, 8, 8), dtype=np.float32)
    labels = ("32-bit", "4-bit", "1-bit")
    return Report(
        title="What a bit width costs",
        summary="Digits <recovered> & shown.",
        rows=[row(bits) for bits in (32, 4, 1)],
        baselines=[Baseline("mean image", 12.0, 0.1)],
        original=images,
        recovered=dict.fromkeys(labels, images),
        recovered_psnr=dict.fromkeys(labels, np.array([21.0, 22, 23, 24])),
        facts={"seed": "0", "machine": "x86_64"},
    )


class Collector(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.links = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href", "xlink:href")]


def test_every_row_is_there_with_its_ratio(report):
    text = render(report)
    for expected in (
        "20.40 ± 0.30",
        "8.0\N{MULTIPLICATION SIGN}",
        "32.0\N{MULTIPLICATION SIGN}",
        "mean image",
        "12.00",
        "Digits &lt;recovered&gt;",
    ):
        assert expected in text


def test_the_file_needs_no_network_and_no_script(report):
    text = render(report)
    parsed = Collector()
    parsed.feed(text)
    assert parsed.tags.count("svg") == 2
    assert "script" not in parsed.tags
    assert all(link.startswith(("#", "data:")) for link in parsed.links)
    outside = [url for url in re.findall(r"https?://[^\s\"'<)]+", text) if "w3.org" not in url]
    assert outside == []  # w3.org: XML namespaces, never fetched
    assert "prefers-color-scheme: dark" in text


def test_the_grid_shows_every_image_once_per_line(report):
    text = render(report)
    assert text.count("<image") == 4 * 4
    assert text.count("24.0 dB") == 3


def test_the_same_report_gives_the_same_bytes(report):
    assert render(report) == render(report)


def test_colour_images_are_drawn(report):
    images = np.random.default_rng(0).random((2, 3, 8, 8), dtype=np.float32)
    labels = [each.label for each in report.rows]
    fields = {**report.__dict__, "original": images, "recovered": dict.fromkeys(labels, images)}
    assert render(Report(**fields)).count("<image") == 2 * 4


def test_a_report_is_written_whole_or_not_at_all(report, tmp_path):
    write_report(tmp_path / "r.html", report)
    assert (tmp_path / "r.html").read_text("utf-8") == render(report)
    with pytest.raises(UnwritableOutputError):
        write_report(tmp_path / "none" / "r.html", report)


def test_without_jinja_the_extra_is_named(report, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "jinja2", None)
    with pytest.raises(MissingExtraError, match=r"bitprior\[report\]"):
        render(report)
