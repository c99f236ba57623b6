"""The report in a real browser: wide and as on a phone, light and dark, without network."""

import os

import numpy as np
import pytest

from bitprior_export.report import Findings, Report, parse_result, parse_samples, write_report
from builders.browser import CHROMIUM, look
from builders.results import result, row, samples

pytestmark = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"), reason="needs chromium"
)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    long_name = row(4, machine="a machine with a very long name " * 9)
    results = [
        parse_result(result(), "mnist", parse_samples(samples(5))),
        parse_result(result(long_name, row(1), dataset="svhn"), "svhn"),
    ]
    write_report(path, Report("Results", "What was found. " * 20, Findings(results), {"seed": "0"}))
    return path


def test_on_a_phone_in_the_dark_it_fits_and_complains_of_nothing(page, tmp_path):
    view = look(page, tmp_path, 390, 4000, dark=True)
    assert view.console == []
    assert view.pixels.shape == (4000, 390, 3)
    paper = view.pixels[2, 2]
    assert paper.max() < 60
    assert (view.pixels[:, -8:] == paper).all(), "nothing is wider than the page"
    text = view.pixels[:400].max(axis=(0, 1))
    assert text.min() > 180, "light text on dark paper"


def test_on_a_desk_in_the_light_images_and_figures_are_drawn(page, tmp_path):
    view = look(page, tmp_path, 1100, 3000)
    assert view.console == []
    assert view.pixels[2, 2].min() > 240
    colours = {tuple(colour) for colour in view.pixels.reshape(-1, 3)[::7]}
    assert {(217, 130, 43), (58, 157, 93), (138, 111, 209)} <= colours, "the bars of the figures"
    black_to_white = np.unique(view.pixels[(np.ptp(view.pixels, axis=2) == 0)])
    assert len(black_to_white) > 200, "gray images"


def test_a_page_that_asks_for_anything_is_refused_it_and_complains(page, tmp_path):
    asking = tmp_path / "asking.html"
    text = page.read_text("utf-8")
    asking.write_text(text.replace("</h1>", '</h1><img src="http://example.invalid/x.png">'))
    assert any(
        "Content Security Policy" in line for line in look(asking, tmp_path, 390, 800).console
    )
