"""A comparison or a prior in a folder of results: read, or refused with the field named."""

import numpy as np
import pytest

from bitprior_export.report import read_findings
from bitprior_export.report.surgery.prior import add_prior
from bitprior_runtime.cli.main import run
from bitprior_runtime.errors import MissingFileError, UsageError
from builders.comparisons import comparison, pictures, prior_run, quality, trial
from builders.results import result, write

DELETED = object()


def changed(place, value):
    """A comparison in which what lies at a place, keys by dots, is another value or gone."""
    document = comparison(trial())
    *way, last = [int(key) if key.isdigit() else key for key in place.split(".")]
    there = document
    for key in way:
        there = there[key]
    if value is DELETED:
        del there[last]
    else:
        there[last] = value
    return document


def test_evaluations_comparisons_and_priors_lie_in_one_folder(tmp_path):
    folder = tmp_path / "results"
    write(folder, "mnist", result())
    write(folder, "gs", comparison(trial(), trial("Lasso-DCT")), pictures(2))
    add_prior(prior_run(tmp_path / "runs"), folder)
    found = read_findings(folder)
    assert [each.name for each in found.results] == ["mnist"]
    ((gs, lasso),) = [each.trials for each in found.comparisons]
    assert gs.network == "dcgan, 32 filters"
    assert lasso.network is None
    assert gs.settings["lr"] == "0.1"
    assert gs.recovered.shape == (4, 3, 64, 64)
    assert found.priors[0].made.shape == (16, 3, 64, 64)


def test_a_row_without_images_is_a_row(tmp_path):
    write(tmp_path, "gs", comparison(trial(), trial("CSGM")), pictures(1))
    first, second = read_findings(tmp_path).comparisons[0].trials
    assert first.recovered is not None
    assert second.recovered is None


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("experiment", DELETED),
        ("experiment", "guess"),
        ("dataset", 7),
        ("rows", []),
        ("seed", -1),
        ("rows.0.method", "Magic"),
        ("rows.0.method", DELETED),
        ("rows.0.prior", None),
        ("rows.0.bits", 0),
        ("rows.0.filters", None),
        ("rows.0.cut", -1),
        ("rows.0.m", "600"),
        ("rows.0.n", 0),
        ("rows.0.variables", DELETED),
        ("rows.0.loss", float("nan")),
        ("rows.0.seconds", None),
        ("rows.0.restarts", 0),
        ("rows.0.settings", [1]),
        ("rows.0.settings", {"lr": [1]}),
        ("rows.0.psnr", 26.0),
        ("rows.0.psnr.sd", DELETED),
        ("rows.0.psnr.sd", -1.0),
        ("rows.0.psnr.mean", 90.0),
        ("rows.0.psnr.values", [20.0]),
        ("rows.0.psnr.values", DELETED),
    ],
)
def test_a_field_that_is_missing_or_wrong_is_refused_by_name(tmp_path, place, value):
    write(tmp_path, "hostile", changed(place, value))
    with pytest.raises(UsageError) as refused:
        read_findings(tmp_path)
    text = str(refused.value)
    assert place.split(".")[-1] in text
    assert "\n" not in text
    assert len(text) < 500


@pytest.mark.parametrize(
    "images",
    [
        b"not an archive",
        pictures(1, original=np.zeros((4, 3, 8, 8))),
        pictures(1, original=np.zeros((4, 2, 8, 8), np.uint8)),
        pictures(1, original=np.zeros((65, 3, 8, 8), np.uint8)),
        pictures(1, row_0=np.zeros((4, 3, 8, 8), np.uint8)),
        pictures(1, original=np.array([{}], dtype=object)),
    ],
    ids=["text", "float", "channels", "count", "shape", "pickle"],
)
def test_images_that_are_none_are_refused(tmp_path, images):
    write(tmp_path, "gs", comparison(trial()), images)
    with pytest.raises(UsageError, match=r"gs\.npz"):
        read_findings(tmp_path)


def test_a_priors_facts_are_those_of_its_run_and_its_paths_stay_at_home(tmp_path):
    run_folder = prior_run(tmp_path, "low", bits=4, init_from="/home/someone/runs/gs-dcgan-32bit")
    (tmp_path / "results").mkdir()
    written = add_prior(run_folder, tmp_path / "results")
    assert "someone" not in written.read_text()
    (prior,) = read_findings(tmp_path / "results").priors
    assert (prior.name, prior.bits, prior.epochs) == ("low", 4, 97.0)
    assert prior.init_from == "gs-dcgan-32bit"


def test_a_run_that_is_no_priors_is_refused(tmp_path):
    with pytest.raises(MissingFileError, match=r"run\.json"):
        add_prior(tmp_path, tmp_path)
    other = prior_run(tmp_path, "other", kind="run")
    with pytest.raises(UsageError, match="kind out of prior"):
        add_prior(other, tmp_path)
    broken = prior_run(tmp_path, "broken")
    (broken / "samples.npz").write_bytes(b"no archive")
    with pytest.raises(UsageError, match="sample images"):
        add_prior(broken, tmp_path)
    (broken / "run.json").write_text("{")
    with pytest.raises(UsageError, match="JSON in"):
        add_prior(broken, tmp_path)


def test_the_report_takes_priors_and_comparisons_in_every_format(tmp_path, capsys):
    folder = tmp_path / "results"
    write(folder, "gs", comparison(trial(), trial("CSGM"), trial("Lasso-DCT")))
    priors = ["--priors", str(prior_run(tmp_path))]
    for form in ("md", "csv", "json"):
        out = tmp_path / f"r.{form}"
        assert run(["report", str(folder), *priors, "--format", form, "--out", str(out)]) == 0
    assert "Reported 3 rows of 1 results" in capsys.readouterr().out
    text = (tmp_path / "r.md").read_text("utf-8")
    assert "(1) GS is above no GS at every m: shown." in text
    assert "| gs-dcgan-32bit | dcgan | 32 | 32 | 100 | 1,000,000 | 3,000 | 97.0 |" in text
    assert "bitprior compare-methods celeba64" in text
    heading, first, *_ = (tmp_path / "r.csv").read_text("utf-8").splitlines()
    assert heading.startswith("result,dataset,part,bits,measurements,psnr,")
    assert first.startswith("gs,celeba64,")


def test_the_json_says_what_each_ordering_is_worth(tmp_path):
    import json

    folder = tmp_path / "results"
    write(folder, "gs", comparison(trial(psnr=20.0), trial("CSGM", psnr=25.0)))
    out = tmp_path / "r.json"
    assert run(["report", str(folder), "--format", "json", "--out", str(out)]) == 0
    document = json.loads(out.read_text())
    assert (
        document["comparisons"][0]["psnr_sd"]
        == quality(comparison(trial(psnr=20.0))["rows"][0]["psnr"]["values"])["sd"]
    )
    verdicts = {each["ordering"]: each["verdict"] for each in document["orderings"]}
    assert verdicts["(1)"] == "refuted"
    assert verdicts["(7)"] == "not measured"
    assert document["paper_overparametrisation"]["mGANprior"] == 0.195


def test_priors_alone_make_a_report(tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    out = tmp_path / "r.csv"
    priors = ["--priors", str(prior_run(tmp_path))]
    assert run(["report", str(folder), *priors, "--format", "csv", "--out", str(out)]) == 0
    assert "gs-dcgan-32bit,dcgan,celeba64,32" in out.read_text()
    markdown = tmp_path / "r.md"
    assert run(["report", str(folder), "--format", "md", "--out", str(markdown)]) == 0
    assert "Priors that are cut" in markdown.read_text()
