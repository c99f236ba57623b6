"""The report: what it shows, and that it needs nothing but itself."""

import re
from html.parser import HTMLParser

import pytest

from bitprior_export.report import Findings, Report, parse_result, parse_samples, write_report
from bitprior_export.report.grid import SHOWN
from bitprior_export.report.html import render
from bitprior_runtime.errors import MissingExtraError, UnwritableOutputError
from builders.results import result, row, samples


def report(*results):
    return Report(
        "What a bit width costs", "Digits <recovered> & shown.", Findings(results), {"seed": "0"}
    )


@pytest.fixture(scope="module")
def everything():
    """A result of each kind, with images of one and of three channels."""
    documents = {
        "cifar10": (result(dataset="cifar10"), samples(5, channels=3)),
        "mnist": (result(), samples(5)),
        "mnist-integer": (result(row(4, engine="integer"), row(1, engine="integer")), None),
        "mnist-s10": (result(*(row(bits, sparsity=10) for bits in (32, 4, 1))), None),
        "mnist-seed1": (result(row(4, seed=1)), None),
        "phase": (result(row(4, sensing="phase-gaussian-amplitude", success_rate=0.5)), None),
    }
    return report(
        *(
            parse_result(document, name, images and parse_samples(images))
            for name, (document, images) in documents.items()
        )
    )


@pytest.fixture(scope="module")
def page(everything):
    return render(everything)


class Collector(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.links = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href", "xlink:href")]


def test_every_part_is_there(page):
    sections = re.findall(r'<section id="([^"]+)">', page)
    assert sections == [
        "table-1-cifar10", "cifar10", "mnist", "mnist-integer", "phase", "sparsity-mnist-m100",
        "seeds", "sensing", "rows",
    ]  # fmt: skip
    for expected in (
        "26.04 ± 0.25",
        "8.0\N{MULTIPLICATION SIGN}",
        "mean image",
        "Digits &lt;recovered&gt;",
        "bitprior train mnist --bits 4",
        "50.0%",
    ):
        assert expected in page


def test_the_file_needs_no_network_and_no_script(page):
    parsed = Collector()
    parsed.feed(page)
    widths, weights, sweep = 4 * 3, 2 * 5 + 1, 2
    assert parsed.tags.count("svg") == widths + weights + sweep
    assert "script" not in parsed.tags
    assert all(link.startswith(("#", "data:")) for link in parsed.links)
    outside = [url for url in re.findall(r"https?://[^\s\"'<)]+", page) if "w3.org" not in url]
    assert outside == []  # w3.org: XML namespaces, never fetched
    assert "default-src 'none'" in page
    assert "prefers-color-scheme: dark" in page
    assert len(page.encode()) < 1_000_000


def test_the_grid_shows_images_with_psnr_and_ssim_under_each(page):
    assert page.count("<img") == 2 * 6 * SHOWN
    assert page.count("37.0 dB<br>") == 2  # the last of each grid
    assert page.count("0.370<br>") == 2


def test_a_report_is_written_whole_or_not_at_all_and_the_same_bytes_each_time(tmp_path):
    small = report(parse_result(result(row(4)), "mnist"))
    write_report(tmp_path / "r.html", small)
    assert (tmp_path / "r.html").read_text("utf-8") == render(small)
    with pytest.raises(UnwritableOutputError):
        write_report(tmp_path / "none" / "r.html", small)


@pytest.mark.parametrize("module", ["jinja2", "matplotlib"])
def test_without_a_package_the_extra_is_named(module, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(MissingExtraError, match=r"bitprior\[report\]"):
        render(report(parse_result(result(), "mnist")))
