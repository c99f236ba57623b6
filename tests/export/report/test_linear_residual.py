"""Linear-residual priors in a report: their own table, and nothing of the paper's."""

from typing import Any

from bitprior_export.report import Findings, parse_result
from bitprior_export.report.linear_residual import linear_residual_table
from bitprior_export.report.selection import main_results, papers_result
from bitprior_export.report.tables import NONE, all_tables, width_table
from builders.results import mean, result, row


def linear(bits: int, psnr: float, **changed: Any) -> dict[str, Any]:
    return row(
        bits,
        psnr,
        sparsity=None,
        system=f"{bits}-bit linear-residual",
        sensing="linear",
        measurements=200,
        start_psnr=mean(psnr - 0.3),
        widths="1-bit, linear 8-bit, mean 5.7" if bits == 1 else f"{bits}-bit",
        training={"steps": 700, "seconds": 129.8, "init_from": "x"},
        **changed,
    )


def document(*rows: dict[str, Any]) -> dict[str, Any]:
    baselines = [{"name": "PCA, k = 200", "psnr": mean(25.4), "ssim": mean(0.8)}]
    return result(*rows, dataset="cifar10", trained_on=["cifar10"], baselines=baselines)


def test_a_row_says_start_components_and_both_gaps() -> None:
    found = parse_result(document(linear(32, 26.7), linear(1, 26.5)), "linear")
    (table,) = linear_residual_table([found])
    wide, low = table.rows
    assert wide[:8] == [
        "cifar10", "200", "32-bit", "26.70 ± 0.25", "26.40", "25.40", "+1.30", "0.00",
    ]  # fmt: skip
    assert low[2] == "1-bit, linear 8-bit, mean 5.7"
    assert low[5:8] == ["25.40", "+1.10", "0.20"]
    assert low[-1] == "130"


def test_without_components_of_that_number_there_is_no_gap() -> None:
    found = parse_result(document(linear(4, 26.7)) | {"baselines": []}, "linear")
    (table,) = linear_residual_table([found])
    assert table.rows[0][5:8] == [NONE, NONE, NONE]


def test_they_are_no_rows_of_the_paper() -> None:
    found = parse_result(document(linear(32, 26.7), linear(1, 26.5)), "linear")
    assert papers_result([found], "cifar10") is None
    names = [table.name for table in all_tables(Findings([found]))]
    assert names == ["linear-residual", "linear", "rows"]
    assert not any("paper" in note for note in width_table(found).notes)
    assert main_results([found]) == [found]


def test_the_papers_networks_are_called_so_beside_them() -> None:
    paper = parse_result(result(row(4, sensing="cnn"), dataset="cifar10"), "paper")
    assert "paper's networks" in width_table(paper).title


def test_compressed_sensing_that_only_went_on_from_another_run_is_not_trained() -> None:
    dcs = {"system": "32-bit DCS", "sensing": "cnn"}
    rows = [
        row(32, 18.9, sensing="cnn"),
        row(32, 13.9, **dcs, training={"init_from": "cifar10-m200-32bit"}),
    ]
    found = parse_result(result(*rows, dataset="cifar10"), "paper")
    assert width_table(found).rows[1][1:4] == ["not trained", NONE, NONE]
    paper = {table.name: table for table in all_tables(Findings([found]))}["table-1-cifar10"]
    assert paper.rows[-1][:4] == ["32-bit DCS", "not trained", NONE, NONE]
    rows[1]["training"] = {"steps": 20000}
    scratch = parse_result(result(*rows, dataset="cifar10"), "paper")
    assert width_table(scratch).rows[1][1].startswith("13.90")
