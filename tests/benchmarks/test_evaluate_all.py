"""Which runs go into which file of results, and what is done again."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from bitprior_runtime import load
from builders.runs import make_run

SCRIPT = Path(__file__).parents[2] / "benchmarks/evaluate_all.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("evaluate_all", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def record(folder, name, **changed):
    """A run of which there is only what it says about itself."""
    fields = {
        "dataset": "mnist",
        "system": "sdlss",
        "bits": 4,
        "measurements": 100,
        "measurement_kind": "mlp",
        "sparsity": 50,
        "seed": 0,
        "validation_psnr": 26.0,
        "config": {"model": {"sensing": "mlp"}},
        **changed,
    }
    (folder / name).mkdir(parents=True)
    (folder / name / "run.json").write_text(json.dumps(fields))


def files(script, folder):
    found = script.grouped(script.finished_runs([folder]))
    return {name: [run.folder.name for run in runs] for name, runs in found.items()}


def test_widths_stand_side_by_side_and_dcs_beside_the_largest_group(script, tmp_path):
    for bits in (1, 4, 32):
        record(tmp_path, f"any-name-{bits}", bits=bits)
    record(tmp_path, "sweep", sparsity=10)
    record(tmp_path, "sphere", system="dcs", bits=32, sparsity=100)
    assert files(script, tmp_path) == {
        "mnist-m100-s10-seed0": ["sweep"],
        "mnist-m100-s50-seed0": ["any-name-32", "any-name-4", "any-name-1", "sphere"],
    }


def test_dcs_alone_has_a_file_of_its_own(script, tmp_path):
    record(tmp_path, "sphere", system="dcs", bits=32, sparsity=100, measurements=25)
    record(tmp_path, "other-m")
    assert files(script, tmp_path)["mnist-m25-s100-seed0"] == ["sphere"]


def test_m_seed_sensing_and_data_keep_runs_apart(script, tmp_path):
    record(tmp_path, "a")
    record(tmp_path, "b", measurements=25)
    record(tmp_path, "c", seed=1)
    record(tmp_path, "d", measurement_kind="phase-gaussian-amplitude")
    record(tmp_path, "e", dataset="imagenette96", measurement_kind="cnn")
    assert set(files(script, tmp_path)) == {
        "mnist-m100-s50-seed0",
        "mnist-m25-s50-seed0",
        "mnist-m100-s50-seed1",
        "mnist-phase-gaussian-amplitude-m100-s50-seed0",
        "stl10-m100-s50-seed0",
    }


def test_records_that_name_no_sensing_go_with_those_that_do(script, tmp_path):
    record(tmp_path, "new", dataset="svhn", measurement_kind="cnn")
    old = {"measurement_kind": None, "system": None, "config": {"model": {"sensing": "conv"}}}
    record(tmp_path, "old", dataset="svhn", bits=1, **old)
    assert files(script, tmp_path) == {"svhn-m100-s50-seed0": ["new", "old"]}


def test_of_two_runs_of_one_system_validation_decides(script, tmp_path, capsys):
    record(tmp_path, "better", validation_psnr=27.0)
    record(tmp_path, "worse", validation_psnr=25.0)
    assert files(script, tmp_path) == {"mnist-m100-s50-seed0": ["better"]}
    assert "better has the higher validation PSNR" in capsys.readouterr().err


def test_unfinished_runs_are_left_alone_and_a_run_may_be_named_itself(script, tmp_path):
    record(tmp_path, "done")
    (tmp_path / "going-on").mkdir()
    for folders in ([tmp_path], [tmp_path / "done"]):
        (run,) = script.finished_runs(folders)
        assert run.folder.name == "done"
    assert run.bundle == tmp_path / "done.bitprior"


def command(script, folder, **changed):
    record(folder, "run", **changed)
    return script.command_of(script.finished_runs([folder]), 1000, "float", Path("out.json"))


def test_everything_is_recovered_as_the_paper_does(script, tmp_path):
    words = " ".join(command(script, tmp_path))
    assert "--solver proximal --steps 50 --engine float" in words
    assert "--images 1000" in words
    assert "--components 100" in words


def test_the_stand_in_is_tested_on_the_few_images_it_stands_for(script, tmp_path):
    words = " ".join(command(script, tmp_path, dataset="imagenette96", measurements=200))
    assert "--dataset stl10 --images 50" in words
    assert "--components 50" in words


def test_phase_retrieval_has_restarts(script, tmp_path):
    words = " ".join(command(script, tmp_path, measurement_kind="phase-rademacher-squared"))
    assert "--restarts 5" in words
    assert "--components" not in words


def test_what_is_done_is_skipped_until_a_bundle_or_an_option_changes(script, tmp_path):
    config = {"model": {"sensing": "mlp"}}
    run = script.Run(make_run(tmp_path / "run", config=config), {"measurement_kind": "mlp"})
    script.export(run)
    written = run.bundle.stat().st_mtime_ns
    script.export(run)
    assert run.bundle.stat().st_mtime_ns == written
    out = tmp_path / "out.json"
    asked = [*script.BITPRIOR, "evaluate", str(run.bundle), "--images", "100", "--out", str(out)]
    assert not script.is_done(out, [run], asked)
    row = {"digest": load(run.bundle).info["digest"]}
    done = {"rows": [row], "command": "bitprior evaluate run.bitprior --images 100"}
    out.write_text(json.dumps(done))
    assert script.is_done(out, [run], asked)
    assert not script.is_done(out, [run], [*asked[:-3], "10", *asked[-2:]])
    out.write_text(json.dumps({**done, "rows": [{"digest": "0" * 64}]}))
    assert not script.is_done(out, [run], asked)


def test_the_list_says_what_would_be_done(script, tmp_path, capsys, monkeypatch):
    record(tmp_path, "run")
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), str(tmp_path), "--list", "--engine", "integer"])
    script.main()
    assert capsys.readouterr().out == "results/mnist-m100-s50-seed0-integer.json: run\n"
