"""``bitprior compare-methods``: figures, images, and a file that is continued."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bitprior_runtime.cli.main import run as bitprior
from bitprior_train.data import load_dataset
from bitprior_train.surgery import compare, registry
from bitprior_train.surgery.inits import INITS
from bitprior_train.surgery.problem import Problem
from builders.priors import prior_config, write_photos, write_prior

FAST = ["--images", "2", "--restarts", "1"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two priors and two data sets."""
    for name in ("celeba64", "coco64"):
        write_photos(tmp_path, name)
    monkeypatch.setenv("BITPRIOR_DATA", str(tmp_path))
    data = prior_config("dcgan").data
    split = load_dataset(data.name, data.split_seed, data.validation).split_hash
    write_prior(tmp_path / "gan", "dcgan", split_hash=split)
    write_prior(tmp_path / "low", "began", 2, split_hash=split)
    return tmp_path


def run(folder: Path, runs: str, methods: str, *more: str, out: str = "found.json") -> int:
    paths = [str(folder / name) for name in runs.split()]
    few = [f"--set={m}.iterations=3" for m in methods.split(",")]
    place = ["--out", str(folder / out)]
    return bitprior(["compare-methods", *paths, "--methods", methods, *few, *FAST, *more, *place])


def found(folder: Path, name: str = "found.json") -> dict[str, Any]:
    return json.loads((folder / name).read_text())


def test_a_sweep_has_a_row_a_method_prior_and_m(folder: Path) -> None:
    assert run(folder, "gan low", "gs,csgm", "--measurements", "10,20") == 0
    document = found(folder)
    assert document["kind"] == "bitprior comparison"
    assert (document["dataset"], document["part"]) == ("celeba64", "test, first 2 images")
    rows = document["rows"]
    assert [(r["method"], r["prior_run"], r["m"]) for r in rows] == [
        (method, prior, m)
        for m in (10, 20)
        for method in ("GS", "CSGM")
        for prior in ("gan", "low")
    ]
    low = rows[1]
    assert (low["prior"], low["bits"], low["filters"], low["cut"]) == ("began", 2, 2, 2)
    assert low["operator"] == "gaussian:m=10,seed=0"
    assert (low["n"], low["images"], low["variables"]) == (12288, 2, 2 * 16**2 + 2 * 8**2)
    assert low["settings"]["iterations"] == 3
    assert low["psnr"]["mean"] == pytest.approx(np.mean(low["psnr"]["values"]))
    assert low["psnr"]["sd"] == pytest.approx(np.std(low["psnr"]["values"], ddof=1))
    assert rows[0]["settings"]["lr"] == 0.1
    with np.load(folder / "found.npz") as images:
        assert images["original"].shape == images["row_7"].shape == (2, 3, 64, 64)
        error = np.square(images["row_3"][0] / 255.0 - images["original"][0] / 255.0).mean()
        assert -10 * np.log10(error) == pytest.approx(rows[3]["psnr"]["values"][0], abs=0.2)


def test_what_is_in_the_file_is_not_worked_out_again(folder: Path, monkeypatch) -> None:
    assert run(folder, "gan", "gs", "--measurements", "10") == 0
    before = found(folder)["rows"]
    worked: list[str] = []
    real = compare._run
    monkeypatch.setattr(
        compare, "_run", lambda method, *rest: worked.append(method.name) or real(method, *rest)
    )
    assert run(folder, "gan", "gs,csgm", "--measurements", "10") == 0
    assert worked == ["CSGM"]
    assert found(folder)["rows"][:1] == before
    assert run(folder, "gan", "gs", "--measurements", "10", "--set", "gs.lr=0.2") == 0
    assert [row["settings"]["lr"] for row in found(folder)["rows"]] == [0.1, 0.1, 0.2]


def test_another_comparison_does_not_go_into_the_same_file(folder: Path, capsys) -> None:
    assert run(folder, "gan", "gs", "--measurements", "10") == 0
    assert run(folder, "gan", "gs", "--measurements", "10", "--seed", "1") == 2
    assert "seed 1" in capsys.readouterr().err
    (folder / "other.json").write_text("{}")
    assert run(folder, "gan", "gs", "--measurements", "10", out="other.json") == 2
    assert "a comparison in" in capsys.readouterr().err


def test_raw_reconstruction_has_no_noise_and_the_settings_of_the_paper(folder: Path) -> None:
    assert run(folder, "gan", "csgm", "--experiment", "raw", "--dataset", "own samples") == 0
    document = found(folder)
    (row,) = document["rows"]
    assert (document["dataset"], row["operator"]) == ("own samples", "identity")
    assert document["part"] == "made by gan, 2 images"
    assert (row["m"], row["cut"], row["settings"]["lr"]) == (12288, 0, 1.0)


def test_cuts_are_compared_on_validation_images(folder: Path) -> None:
    assert run(folder, "gan", "gs", "--experiment", "cuts", "--measurements", "10") == 0
    document = found(folder)
    assert document["part"] == "validation, first 2 images"
    assert [row["cut"] for row in document["rows"]] == [0, 1, 2, 3, 4]
    assert [row["method"] for row in document["rows"]] == ["CSGM", *["GS"] * 4]


def test_a_method_without_cuts_stands_once_beside_the_cuts_of_others(folder: Path) -> None:
    given = ("--experiment", "cuts", "--measurements", "10", "--set", "csgm.iterations=2")
    assert run(folder, "gan", "gs,csgm", *given) == 0
    assert [row["cut"] for row in found(folder)["rows"]] == [0, 1, 2, 3, 4, 0]


def test_photos_that_no_prior_has_seen_are_recovered(folder: Path, capsys) -> None:
    shown = ("--experiment", "superres", "--dataset", "coco64", "--json")
    assert run(folder, "gan", "ilo,untrained-gs", *shown, "--set", "ilo.adam_steps=2") == 0
    document = json.loads(capsys.readouterr().out)
    assert document == found(folder)
    assert "Creative Commons" in document["licence"]
    assert [row["method"] for row in document["rows"]] == ["ILO", "Untrained GS"]
    assert {row["operator"] for row in document["rows"]} == {"superres:factor=4"}
    assert run(folder, "gan", "gs", "--experiment", "mask", out="mask.json") == 0
    assert found(folder, "mask.json")["rows"][0]["m"] == 1229


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        (("--experiment", "blur"), "an experiment out of gaussian"),
        (("--measurements", "ten"), "numbers of 1 or more"),
        (("--set", "gs.speed=3"), "settings that gs has"),
        (("--set", "csgm.lr=3"), "settings of gs"),
        (("--images", "5"), "1 to 4 test images"),
        (("--dataset", "coco64", "--part", "train"), "no prior was trained on"),
    ],
)
def test_what_does_not_fit_is_refused(folder: Path, capsys, more, complaint: str) -> None:
    assert run(folder, "gan", "gs", *more) == 2
    assert complaint in " ".join(capsys.readouterr().err.split())


def test_starts_are_compared(folder: Path, monkeypatch) -> None:
    monkeypatch.setattr(registry, "lasso_dct", lambda problem: torch.zeros(2, 3, 64, 64))
    more = ("--experiment", "inits", "--measurements", "10")
    assert run(folder, "low", "gs", *more) == 0
    assert [row["init"] for row in found(folder)["rows"]] == list(INITS)


def test_baselines_get_the_same_measurements(folder: Path, monkeypatch) -> None:
    problems: list[Problem] = []
    real = compare._run
    monkeypatch.setattr(
        compare,
        "_run",
        lambda m, problem, *rest: problems.append(problem) or real(m, problem, *rest),
    )
    few = {"iagan.latent_steps": 2, "iagan.joint_steps": 1, "mganprior.steps": 2}
    few |= {"deep-decoder.steps": 1, "deep-decoder.channels": 2, "lasso-dct.iterations": 9}
    sets = [f"--set={name}={value}" for name, value in few.items()]
    methods = ["--methods", "lasso-dct,deep-decoder,iagan,mganprior"]
    place = ["--measurements", "10", "--out", str(folder / "found.json")]
    assert bitprior(["compare-methods", str(folder / "gan"), *methods, *sets, *FAST, *place]) == 0
    rows = found(folder)["rows"]
    names = ["Lasso-DCT", "Deep Decoder", "IAGAN", "mGANprior"]
    assert [row["method"] for row in rows] == names
    assert [row["prior_run"] for row in rows] == [None, None, "gan", "gan"]
    assert [row["cut"] for row in rows] == [None, None, 0, 1]
    assert len(problems) == 4
    assert all(problem is problems[0] for problem in problems)


def test_a_prior_that_was_trained_cut_is_recovered_with_as_it_is(folder: Path, capsys) -> None:
    tiny = ("model.latent=4", "model.filters=2", "model.critic_filters=2", "data.validation=6")
    more = [f"--set={each}" for each in (*tiny, "optimiser.batch=4", "model.cut=1")]
    place = ["--steps", "2", "--out", str(folder / "cut")]
    assert bitprior(["train", "celeba64", "--prior", "dcgan", *more, *place]) == 0
    record = json.loads((folder / "cut" / "run.json").read_text())
    assert record["latent"] == 8 * 2 * 4 * 4
    assert run(folder, "cut", "cut-before-training", "--measurements", "10") == 0
    (row,) = found(folder)["rows"]
    assert (row["method"], row["cut"], row["variables"]) == ("Cut before training", 1, 256)
    assert run(folder, "cut", "gs", "--measurements", "10") == 2
    assert "a prior trained whole" in capsys.readouterr().err
    assert run(folder, "gan", "cut-before-training", "--measurements", "10") == 2
    assert "--set model.cut=1" in capsys.readouterr().err


def test_priors_and_methods_must_be_there(folder: Path, capsys) -> None:
    assert run(folder, "gan", "magic") == 2
    assert "methods out of gs" in capsys.readouterr().err
    assert run(folder, "", "gs") == 2
    assert "a prior for gs" in capsys.readouterr().err
    assert run(folder, "gan low", "gs", "--dataset", "own samples") == 2
    assert "one prior" in capsys.readouterr().err
    write_prior(folder / "stranger", "dcgan")
    assert run(folder, "stranger", "gs") == 2
    assert "stranger was trained on" in " ".join(capsys.readouterr().err.split())


def test_no_vae_is_trained_cut(folder: Path, capsys) -> None:
    place = ["--set=model.cut=1", "--out", str(folder / "cut")]
    assert bitprior(["train", "celeba64", "--prior", "vae", *place]) == 2
    assert "can be trained cut" in capsys.readouterr().err
