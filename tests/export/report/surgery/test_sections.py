"""The page's part on Generator Surgery: figures, images and how much it weighs."""

import base64
import re
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from bitprior_export.report import Report, read_findings
from bitprior_export.report.html import render
from bitprior_export.report.surgery.comparison import EXPERIMENTS
from bitprior_export.report.surgery.pictures import picture, sheet
from bitprior_export.report.surgery.prior import add_prior
from bitprior_runtime.cli.main import run
from builders.comparisons import comparison, pictures, prior_run, trial, write_everything
from builders.results import write


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("surgery")
    write_everything(folder / "results")
    for name, bits in (("gs-dcgan-32bit", 32), ("gs-dcgan-4bit", 4)):
        add_prior(prior_run(folder, name, bits=bits), folder / "results")
    return render(Report("Surgery", "What was found.", read_findings(folder / "results"), {}))


def of(folder):
    return render(Report("Surgery", "What was found.", read_findings(folder), {}))


def test_every_part_is_there_with_its_figures(page):
    parts = re.split(r'<section id="([^"]+)">', page)[1:]
    figures = {name: body.count("<svg") for name, body in zip(parts[::2], parts[1::2], strict=True)}
    assert figures == {
        "gs-orderings": 0,
        "gs-celeba64": 5,  # Fig. 2 and 3 of both priors, trained and untrained of one
        "gs-coco64": 5,
        "gs-bits-celeba64": 1,
        "gs-bits-coco64": 1,
        "gs-raw": 1,
        "gs-inits": 1,
        "gs-cuts": 2,
        "gs-mask": 0,
        "gs-superres": 0,
        "gs-variables": 0,
        "gs-priors": 0,
        "gs-rows": 0,
    }


def test_recovered_images_have_their_psnr_under_them(page):
    bits = page.split('id="gs-bits-celeba64"')[1].split("</section>")[0]
    assert bits.count("<img") == 4 + 5 * 4
    assert re.search(r"GS, cut 1, dcgan, 1-bit</th>", bits)
    assert "m = 2000 where" in bits
    assert len(re.findall(r"\d\d\.\d dB<br>", bits)) == 5 * 4


def test_samples_of_a_prior_are_one_sheet_beside_validation_images(page):
    samples = page.split('id="gs-priors"')[1].split("</section>")[0]
    labels = re.findall(r"<figcaption>(.*?)</figcaption>", samples)
    assert labels == [
        "celeba64, validation images", "gs-dcgan-32bit, samples", "gs-dcgan-4bit, samples",
    ]  # fmt: skip


def test_the_page_is_small_and_asks_nobody(page):
    assert len(page.encode()) < 1_500_000
    links = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert all(link.startswith(("#", "data:")) for link in links)
    assert "@font-face" not in page
    assert "@import" not in page


def test_images_of_other_originals_are_left_out(tmp_path):
    write(tmp_path, "a", comparison(trial()), pictures(1))
    rolled = np.zeros((4, 3, 64, 64), np.uint8)
    write(tmp_path, "b", comparison(trial("CSGM")), pictures(1, original=rolled))
    assert of(tmp_path).count("<img") == 4 + 4


def test_an_m_that_is_not_the_usual_one_is_said_beside_its_images(tmp_path):
    rows = [trial(m=2000), trial("CSGM", m=2000), trial("ILO", m=600)]
    write(tmp_path, "a", comparison(*rows), pictures(3))
    page = of(tmp_path)
    assert "ILO, dcgan, m = 600</th>" in page
    assert "GS, cut 1, dcgan</th>" in page


def test_comparisons_without_images_have_no_grid(tmp_path):
    write(tmp_path, "a", comparison(trial(), trial("CSGM")))
    page = of(tmp_path)
    assert "<img" not in page
    assert page.count("<svg") == 1


def test_a_prior_without_images_is_a_row_only(tmp_path):
    (tmp_path / "results").mkdir()
    add_prior(prior_run(tmp_path), tmp_path / "results").with_suffix(".npz").unlink()
    page = of(tmp_path / "results")
    assert "gs-dcgan-32bit" in page
    assert "<img" not in page


def test_a_sheet_holds_images_row_by_row_and_gray_ones_are_shown():
    images = np.arange(16, dtype=np.uint8).reshape(16, 1, 1, 1) * np.ones((1, 1, 2, 3), np.uint8)
    tiled = sheet(images)
    assert tiled.shape == (1, 4, 24)
    assert tiled[0, 0, ::3].tolist() == list(range(8))
    assert tiled[0, 2, ::3].tolist() == list(range(8, 16))
    data = base64.b64decode(picture(tiled * 10).split(",")[1])
    with Image.open(BytesIO(data)) as image:
        assert image.size == (24, 4)
        assert abs(np.asarray(image).astype(int) - tiled[0] * 10).max() < 12


def test_texts_of_comparisons_and_priors_are_shown_and_not_run(tmp_path):
    attack = "<script>alert(1)</script>' | [a](javascript:x) $\\frac$ ```"
    texts = dict.fromkeys(("prior", "prior_run", "init", "operator"), attack)
    rows = [trial(method, **texts, settings={attack: attack}) for method in ("GS", "CSGM")]
    files = dict.fromkeys(("dataset", "part", "command", "machine", "commit"), attack)
    folder = tmp_path / "results"
    for experiment in EXPERIMENTS:
        document = comparison(*rows, *rows, experiment=experiment, **files)
        document["rows"][2]["cut"], document["rows"][2]["init"] = 2, "zero"
        write(folder, f"<i>{experiment}", document, pictures(4))
    add_prior(prior_run(tmp_path, dataset=attack, prior=attack), folder)
    page = of(folder)
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    assert "<i>" not in page
    out = tmp_path / "r.md"
    assert run(["report", str(folder), "--format", "md", "--out", str(out)]) == 0
    outside = re.sub(r"(?ms)^(````+)$.*?^\1$", "", out.read_text("utf-8"))
    assert not re.search(r"(?<!\\)<script", outside), "no tag"
    assert not re.search(r"(?<!\\)\]\(", outside), "no link"
