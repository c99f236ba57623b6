"""A stranger's folder of results: refused with a reason, or shown as text, and never run."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from bitprior_export.report import read_findings
from bitprior_export.report.fields import MAX_ITEMS
from bitprior_runtime.cli.main import run
from bitprior_runtime.errors import MissingFileError, UsageError
from builders.results import result, row, samples, write

SCRIPT = "<script>alert(1)</script>"
DELETED = object()


def changed(place, value):
    """A result in which what lies at a place, keys by dots, is another value or gone."""
    document = result(row(4))
    *way, last = [int(key) if key.isdigit() else key for key in place.split(".")]
    there = document
    for key in way:
        there = there[key]
    if value is DELETED:
        del there[last]
    else:
        there[last] = value
    return document


def test_a_folder_holds_results_and_other_files(tmp_path):
    write(tmp_path, "mnist", result(), samples(5))
    write(tmp_path, "speed", {"rows": [1, 2]})
    write(tmp_path, "list", [1])
    (tmp_path / "notes.md").write_text("no JSON")
    (found,) = read_findings(tmp_path).results
    assert found.name == "mnist"
    assert [each.bits for each in found.rows] == [32, 4, 3, 2, 1]
    assert found.samples.recovered.shape == (5, 8, 1, 8, 8)


def test_results_without_images_are_results(tmp_path):
    write(tmp_path, "mnist", result())
    assert read_findings(tmp_path).results[0].samples is None


def test_no_folder_and_no_result_are_refused(tmp_path):
    with pytest.raises(MissingFileError, match="no such folder"):
        read_findings(tmp_path / "none")
    with pytest.raises(UsageError, match="bitprior evaluate"):
        read_findings(tmp_path)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("dataset", DELETED),
        ("dataset", 7),
        ("dataset", "two\nlines"),
        ("dataset", "x" * 5000),
        ("trained_on", "mnist"),
        ("rows", []),
        ("rows", {}),
        ("rows", ["4-bit"]),
        ("rows", [1] * (MAX_ITEMS + 1)),
        ("baselines", None),
        ("seed", -1),
        ("seed", True),
        ("seed", 2**60),
        ("rows.0.bits", 0),
        ("rows.0.bits", "4"),
        ("rows.0.bytes", [1]),
        ("rows.0.bytes.generator", 0),
        ("rows.0.psnr", 26.0),
        ("rows.0.psnr.mean", DELETED),
        ("rows.0.psnr.mean", "26"),
        ("rows.0.psnr.mean", float("nan")),
        ("rows.0.psnr.mean", 10**400),
        ("rows.0.success_rate", "all"),
        ("rows.0.busy", 1),
        ("rows.0.solver", "proximal"),
        ("rows.0.made_by", [1]),
        ("rows.0.weights.unit", "apples"),
        ("rows.0.weights.share", [1.0]),
        ("rows.0.weights.at", [float("inf")]),
    ],
)
def test_a_field_that_is_missing_or_of_another_type_is_refused_by_name(tmp_path, place, value):
    write(tmp_path, "hostile", changed(place, value))
    with pytest.raises(UsageError) as refused:
        read_findings(tmp_path)
    named = [key for key in place.split(".") if not key.isdigit() and key != "mean"]
    assert "hostile.json" in str(refused.value) or "weights" in str(refused.value)
    assert any(key in str(refused.value) for key in named)
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize("text", ["{", "[" * 100_000, '{"kind": ', "{'a': 1}"])
def test_what_is_no_json_is_refused(tmp_path, text):
    write(tmp_path, "broken", text)
    with pytest.raises(UsageError, match=r"JSON in .*broken\.json"):
        read_findings(tmp_path)


@pytest.mark.parametrize(
    "images",
    [
        b"not an archive",
        samples(4),
        samples(5, images=17),
        samples(5, channels=2),
        samples(5, psnr=np.zeros((5, 7))),
        samples(5, psnr=np.full((5, 8), np.nan)),
        samples(5, ssim=np.array([["text"]])),
        samples(5, original=np.zeros((8, 1, 8, 8))),
        samples(5, recovered=np.array([{}], dtype=object)),
    ],
    ids=["text", "rows", "count", "channels", "shape", "nan", "text array", "float", "pickle"],
)
def test_images_that_are_none_are_refused(tmp_path, images):
    write(tmp_path, "mnist", result(), images)
    with pytest.raises(UsageError, match=r"mnist\.npz"):
        read_findings(tmp_path)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """Results whose every text is an attack on what shows it."""
    folder = tmp_path_factory.mktemp("hostile") / "results"
    attack = f"{SCRIPT}' onload='x' | [a](javascript:x) $\\frac$ ```"
    texts = ("bundle", "system", "sensing", "engine", "kernel", "machine", "commit")
    rows = [row(bits, **dict.fromkeys(texts, attack), made_by=[attack]) for bits in (4, 1)]
    document = result(
        *rows,
        dataset=attack,
        part=attack,
        resized=attack,
        command=attack,
        trained_on=[attack],
        baselines=[{"name": attack, **{k: rows[0][k] for k in ("psnr", "ssim")}}],
    )
    write(folder, '"><img src=x onerror=alert(1)>', document, samples(2))
    formula = result(row(4, system="=1+1"))
    write(folder, "@formula", formula)
    return folder


class Tags(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes = set(), []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs


def test_markup_in_texts_and_file_names_is_shown_and_not_run(hostile, tmp_path):
    assert run(["report", str(hostile), "--out", str(tmp_path / "r.html")]) == 0
    page = (tmp_path / "r.html").read_text("utf-8")
    assert "&lt;script&gt;" in page
    seen = Tags()
    seen.feed(page)
    assert "script" not in seen.tags
    assert not {name for name, _ in seen.attributes if name.startswith("on")}
    links = [value for name, value in seen.attributes if name in ("src", "href", "xlink:href")]
    assert all(link.startswith(("#", "data:")) for link in links)


def test_markup_in_texts_is_no_markdown(hostile, tmp_path):
    assert run(["report", str(hostile), "--format", "md", "--out", str(tmp_path / "r.md")]) == 0
    text = (tmp_path / "r.md").read_text("utf-8")
    outside = re.sub(r"(?ms)^(````+)$.*?^\1$", "", text)
    assert SCRIPT not in outside
    assert not re.search(r"(?<!\\)\]\(", outside), "no link"
    assert outside.count("\n| ") > 4


def test_csv_holds_no_formula(hostile, tmp_path):
    assert run(["report", str(hostile), "--format", "csv", "--out", str(tmp_path / "r.csv")]) == 0
    lines = (tmp_path / "r.csv").read_text("utf-8").splitlines()
    assert len(lines) == 4
    assert lines[-1].startswith("'@formula,mnist")
    assert ",'=1+1," in lines[-1]


def test_json_says_what_the_results_say(tmp_path):
    write(tmp_path / "results", "mnist", result())
    out = tmp_path / "r.json"
    assert run(["report", str(tmp_path / "results"), "--format", "json", "--out", str(out)]) == 0
    document = json.loads(out.read_text())
    assert [each["bits"] for each in document["rows"]] == [32, 4, 3, 2, 1]
    assert document["rows"][1]["psnr"] == 26.04
    assert document["paper"]["svhn"]["32-bit DCS"] == {"psnr": 34.63, "ssim": 0.9501}
    assert document["commands"]["mnist"][-1] == result()["command"]
