"""Pictures from cameras' readings in a report: what is below what, and what was asked for."""

import json
from pathlib import Path
from typing import Any

import pytest

from bitprior_export.report import Findings, read_findings
from bitprior_export.report.cameras.reading import CAMERAS_KIND, parse_cameras
from bitprior_export.report.cameras.tables import best_classical, camera_tables
from bitprior_export.report.tables import all_tables, commands
from bitprior_runtime.errors import UsageError


def row(method: str, psnr: float, **changed: Any) -> dict[str, Any]:
    return {
        "acquisition": "pots", "ratio": 0.1, "readings": 410, "simulated": False,
        "method": method, "psnr": psnr, "psnr_deviation": None, "ssim": 0.5, "shots": 1,
        "goal": None, "commit": "abc", **changed,
    }  # fmt: skip


def document(*rows: dict[str, Any]) -> dict[str, Any]:
    command = "python benchmarks/cameras.py --work WORK"
    return {
        "kind": CAMERAS_KIND, "command": command, "seed": 1, "machine": "x", "rows": list(rows)
    }  # fmt: skip


def test_the_prior_stands_beside_the_best_classical_method_and_its_goal() -> None:
    rows = row("tv", 18.1), row("tikhonov", 18.3), row("prior-4bit", 18.4, goal=18.5)
    table = camera_tables([parse_cameras(document(*rows), "cameras")])[0]
    assert table.rows[0][:6] == [
        "pots", "10 %", "18.30 (tikhonov)", "18.40", "+0.10", "18.5, 0.10 missing"
    ]  # fmt: skip
    assert "more than 0.1 dB below the best classical method at 0 of 1." in table.lead[0]
    assert "Goals missed: pots, 10 % (-0.10 dB)" in table.lead[0]


def test_a_prior_below_is_named() -> None:
    rows = row("tv", 18.6), row("prior-4bit", 18.4), row("prior-1bit", 18.5)
    table = camera_tables([parse_cameras(document(*rows), "cameras")])[0]
    assert "at 1 of 1: pots, 10 % (-0.20 dB)" in table.lead[0]


def test_twins_have_a_table_of_their_own_with_means() -> None:
    twins = [
        row(method, psnr, simulated="gaussian", acquisition=name, ratio=ratio)
        for name, ratio, best in (("a", 0.1, 20.0), ("b", 0.1, 22.0), ("a, random", 0.1, 30.0))
        for method, psnr in (("tv", best), ("prior-4bit", best + 0.1 * best))
    ]
    real, simulated, methods = camera_tables(
        [parse_cameras(document(row("tv", 18.0), *twins), "cameras")]
    )
    assert len(real.rows) == 1
    assert len(simulated.rows) == 3
    assert len(methods.rows) == 4
    told = " ".join(simulated.notes)
    assert "lowest, 10 %: +2.10 dB (2)" in told
    assert "random, 10 %: +3.00 dB (1)" in told


def test_several_subsets_give_half_of_an_interval() -> None:
    four = row("prior-4bit", 20.0, shots=4, psnr_deviation=1.0)
    table = camera_tables([parse_cameras(document(four), "cameras")])[0]
    assert table.rows[0][3] == "20.00 ± 0.98"
    assert best_classical({}) is None


@pytest.mark.parametrize(
    "changed",
    [{"ratio": 0}, {"ratio": 1.5}, {"psnr": "x"}, {"readings": 0}, {"simulated": True}],
)
def test_a_row_that_is_none_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        parse_cameras(document(row("tv", 18.0) | changed), "cameras")


def test_a_row_that_is_there_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="each once"):
        parse_cameras(document(row("tv", 18.0), row("tv", 18.0)), "cameras")


def test_a_folder_of_results_may_hold_them_alone(tmp_path: Path) -> None:
    found = document(row("tv", 18.0), row("prior-4bit", 18.5))
    (tmp_path / "cameras.json").write_text(json.dumps(found), "utf-8")
    findings = read_findings(tmp_path)
    assert [table.name for table in all_tables(findings)] == ["cameras", "cameras-methods"]
    assert commands(findings)["cameras"] == [found["command"]]
    assert not Findings().cameras
