"""What follows from what a board said: profile, engine, and whether a bundle fits."""

from dataclasses import replace

import pytest

from bitprior_devices.probing import ask
from bitprior_devices.probing.fit import choose_engine, fit_profile
from bitprior_devices.probing.report import make_report
from bitprior_devices.remote import probe as probe_there
from bitprior_devices.remote import trial
from bitprior_devices.remote.child import Ended
from bitprior_devices.remote.facts import read_facts
from bitprior_export.bundle import write_bundle
from bitprior_runtime import load
from bitprior_runtime.cli.main import run
from builders.bundles import tiny_bundle
from builders.conformance import calibrated
from builders.fake_board import BOARDS, lay_out

WORKS = [
    {"name": name, "works": True, "version": "1", "peak_mb": 40.0, "reason": ""}
    for name in ask.TRIALS
]


def facts_of(name, tmp_path, layout):
    return {**read_facts(layout, lay_out(tmp_path / "board", name)), "machine": "aarch64"}


@pytest.mark.parametrize("name", BOARDS)
def test_a_board_that_names_itself_gets_its_own_profile(name, tmp_path, layout):
    fit = fit_profile(facts_of(name, tmp_path, layout))
    assert (fit.profile.name, fit.exact, fit.lacking) == (name, True, ())


def test_a_board_that_lacks_what_its_profile_promises_says_so(tmp_path, layout):
    facts = facts_of("raspberry-pi-5", tmp_path, layout)
    facts["cpu"]["features"].remove("asimddp")
    assert fit_profile(facts).lacking == ("asimddp",)
    report = make_report({"facts": facts, "trials": WORKS}, None, None)
    assert report.profile_line == "raspberry-pi-5; lacks asimddp"


@pytest.mark.parametrize(
    ("like", "nearest"), [("raspberry-pi-4", "asimd"), ("raspberry-pi-5", "asimddp")]
)
def test_an_unknown_board_gets_a_profile_with_no_feature_it_lacks(like, nearest, tmp_path, layout):
    facts = {**facts_of(like, tmp_path, layout), "model": "linux,dummy-virt"}
    fit = fit_profile(facts)
    assert not fit.exact
    assert nearest in fit.profile.features
    assert set(fit.profile.features) <= set(facts["cpu"]["features"])
    report = make_report({"facts": facts, "trials": WORKS}, None, None)
    assert "the nearest" in report.profile_line


def test_a_machine_of_no_known_architecture_has_no_profile_but_may_have_an_engine(tmp_path, layout):
    facts = {**facts_of("raspberry-pi-5", tmp_path, layout), "machine": "riscv64", "model": None}
    report = make_report({"facts": facts, "trials": WORKS}, None, None)
    assert report.fit is None
    assert report.profile_line == "none for riscv64"
    assert report.engine == "float/numpy"
    assert report.as_json()["profile"] is None


@pytest.mark.parametrize(
    ("broken", "engine"),
    [
        ((), "integer/native"),
        (("native",), "onnx/onnxruntime"),
        (("native", "onnxruntime"), "integer/numpy"),
        (("numpy",), None),
    ],
)
def test_the_engine_is_the_first_preferred_one_whose_libraries_work(broken, engine):
    trials = [{**row, "works": row["name"] not in broken} for row in WORKS]
    preferred = ["integer/native", "float/native", "onnx/onnxruntime", "integer/numpy"]
    assert choose_engine(preferred, trials, preferred) == engine


def test_the_onnxruntime_that_dies_on_a_pi_4_is_a_line_and_a_note(tmp_path, layout, monkeypatch):
    died = Ended(-4, '{"version": "1.21.0"}\n', "")
    monkeypatch.setattr(probe_there, "run_child", lambda *_: died)
    trials = ask.ask_all(None, lambda name: None, str(layout.root))["trials"]
    (row,) = (row for row in trials if row["name"] == "onnxruntime")
    assert (row["works"], row["reason"], row["version"]) == (False, "killed by SIGILL", "1.21.0")
    facts = facts_of("raspberry-pi-4", tmp_path, layout)
    report = make_report({"facts": facts, "trials": trials}, None, None)
    (note,) = report.notes
    assert "onnxruntime 1.21.0 is known to fail on raspberry-pi-4" in note
    assert report.engine is None


def test_a_bundle_fits_or_does_not(tmp_path, layout, bundle_path):
    facts = facts_of("raspberry-pi-zero-2-w", tmp_path, layout)
    model = load(bundle_path)
    report = make_report({"facts": facts, "trials": WORKS}, model, None)
    # The tiny bundle is not calibrated and has no ONNX files.
    assert report.engine == "float/native"
    assert report.memory.fits
    assert "tiny fits: about 4" in report.memory_line
    tight = replace(report.memory, available_mb=40.0)
    assert not tight.fits
    assert "does NOT fit" in replace(report, memory=tight).memory_line
    unknown = replace(report, memory=replace(tight, available_mb=None))
    assert unknown.memory.fits
    assert "unknown available" in unknown.memory_line
    assert report.as_json()["memory"]["fits"] is True


def test_a_calibrated_bundle_runs_on_the_integer_engine(tmp_path, layout):
    path = tmp_path / "m.bitprior"
    write_bundle(path, calibrated(tiny_bundle()))
    facts = facts_of("raspberry-pi-5", tmp_path, layout)
    report = make_report({"facts": facts, "trials": WORKS}, load(path), None)
    assert report.engine == "integer/native"


def test_this_machine_is_probed_without_ssh(capsys, bundle_path, tmp_path):
    assert run(["probe", "--bundle", str(bundle_path), "--root", str(tmp_path / "none")]) == 0
    out, err = capsys.readouterr()
    assert "try numpy" in err
    assert "ok  numpy" in out
    assert "tiny fits" in out
    assert "cores slowed" not in out


@pytest.mark.parametrize("name", ["numpy", "native", "onnxruntime", "cv2"])
def test_every_trial_runs_its_library(name, capsys):
    if name == "native":
        pytest.importorskip("ctypes")
    trial.main(name)
    first, last = capsys.readouterr().out.splitlines()
    assert "version" in first
    assert "peak_mb" in last


@pytest.mark.parametrize("name", ["onnxruntime-training", "picamera2"])
def test_a_library_that_is_not_there_is_a_missing_module(name):
    with pytest.raises(ModuleNotFoundError):
        trial.main(name)
