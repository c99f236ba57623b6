"""What the tables of a report say, from results whose figures are known."""

import pytest

from bitprior_export.report import Findings, parse_result
from bitprior_export.report.paper import REFERENCE, SYSTEMS, TABLE_1
from bitprior_export.report.selection import main_results
from bitprior_export.report.tables import NONE, all_tables, paper_tables, width_table
from builders.results import mean, result, row


def tables(*documents, names=None):
    names = names or [f"r{index}" for index in range(len(documents))]
    found = [parse_result(each, name) for name, each in zip(names, documents, strict=True)]
    return {table.name: table for table in all_tables(Findings(found))}


def test_the_papers_gaps_are_those_of_its_figures():
    gaps = {
        (name, system): round(TABLE_1[name][REFERENCE][0] - TABLE_1[name][system][0], 2)
        for name in TABLE_1
        for system in ("1-bit Q-GEN", "4-bit Q-GEN")
    }
    assert list(gaps.values()) == [0.77, 0.27, 2.30, 0.36, 1.39, 0.41]
    assert all(set(systems) == set(SYSTEMS) for systems in TABLE_1.values())


def test_table_1_stands_beside_the_paper_with_both_gaps():
    rows = [row(32, 23.0), row(4, 22.9), row(1, 22.35)]
    table = tables(result(*rows, dataset="cifar10", trained_on=["cifar10"]))["table-1-cifar10"]
    one, *_, four, full, dcs = table.rows
    assert one == ["1-bit Q-GEN", "22.35 ± 0.25", "0.9400", "0.65", "22.07", "0.6787", "0.77"]
    assert four[3:] == ["0.10", "22.57", "0.7060", "0.27"]
    assert full[3:] == ["0.00", "22.84", "0.7259", "0.00"]
    assert dcs == ["32-bit DCS", NONE, NONE, NONE, "22.60", "0.7094", "0.24"]


def test_a_stand_in_is_named_in_table_1():
    document = result(dataset="stl10", trained_on=["imagenette96"], resized="96 to 32 pixels")
    notes = tables(document)["table-1-stl10"].notes
    assert "trained on the stand-in imagenette96" in notes[0]
    assert "96 to 32 pixels" in notes[0]


def test_integer_arithmetic_and_other_solvers_stay_out_of_table_1():
    integer = row(4, engine="integer", activation_bits=8)
    momentum = row(4)
    momentum["solver"]["momentum"] = True
    for other in (integer, momentum, row(4, sensing_bits=8)):
        document = result(other, dataset="svhn")
        assert paper_tables([parse_result(document, "svhn")]) == []


def test_ratios_and_gaps_refer_to_the_widest_prior():
    dcs = row(32, 26.0, system="32-bit DCS")
    table = width_table(parse_result(result(dcs, row(32, 26.8), row(1, 24.8)), "mnist"))
    assert table.columns[3] == "below 32-bit, dB"
    assert [line[3] for line in table.rows[:3]] == ["0.80", "0.00", "2.00"]
    assert table.rows[2][4:7] == ["1,000", "32.0\N{MULTIPLICATION SIGN}", "10,500"]
    assert table.rows[3][:2] == ["mean image", "12.00 ± 0.25"]


def test_an_order_that_is_not_the_papers_is_named_with_its_interval():
    document = result(row(32, 26.0), row(4, 26.1), row(3, 25.9), row(1, 26.9))
    notes = width_table(parse_result(document, "m")).notes[1:]
    interval = "the interval of their difference (± 0.35 dB)."
    assert notes == [
        f"Not the paper's order: 1-bit Q-GEN is 1.00 dB above 3-bit Q-GEN, more than {interval}",
        f"Not the paper's order: 4-bit Q-GEN is 0.10 dB above 32-bit SDLSS, within {interval}",
    ]
    assert width_table(parse_result(result(), "m")).notes[1:] == [
        "More bits are better throughout, as in the paper."
    ]
    assert len(width_table(parse_result(result(row(4)), "m")).notes) == 1


def test_times_from_a_busy_machine_are_not_for_quoting():
    notes = width_table(parse_result(result(row(4, busy=True)), "m")).notes
    assert "do not quote" in notes[-1]


def test_a_sweep_of_sparsities_is_one_table_by_system():
    documents = [
        result(*(row(bits, 20 + s / 10 + bits, sparsity=s) for bits in (4, 1))) for s in (10, 50)
    ]
    table = tables(*documents)["sparsity-mnist-m100"]
    assert table.columns == ("system", "s = 10", "s = 50")
    assert table.rows == [
        ["4-bit Q-GEN", "25.00 / 0.940", "29.00 / 0.940"],
        ["1-bit Q-GEN", "22.00 / 0.940", "26.00 / 0.940"],
    ]
    assert not any(name.startswith("sparsity") for name in tables(documents[0]))


def test_a_sweep_has_no_place_for_a_prior_that_was_trained_for_longer():
    short = [result(row(4, 20.0, sparsity=s, training={"steps": 600})) for s in (10, 50, 100)]
    long = result(row(4, 29.0, sparsity=50, training={"steps": 9000}))
    table = tables(long, *short)["sparsity-mnist-m100"]
    assert [cell.partition(" ")[0] for cell in table.rows[0][1:]] == ["20.00"] * 3
    assert "for 600 steps." in table.notes[0]


def test_a_sweep_says_that_its_priors_went_on_from_other_runs():
    training = {"steps": 600, "init_from": "mnist-4bit"}
    table = tables(*(result(row(sparsity=s, training=training)) for s in (10, 50)))
    assert "after those of the run" in table["sparsity-mnist-m100"].notes[0]


def test_a_system_without_some_sparsity_has_a_dash_there():
    ten, fifty, hundred = (result(row(4, sparsity=s)) for s in (10, 50, 100))
    ten["rows"].append(row(1, sparsity=10))
    fifty["rows"].append(row(1, sparsity=50))
    table = tables(ten, fifty, hundred)["sparsity-mnist-m100"]
    assert table.rows[1][-1] == NONE


def test_seeds_are_shown_with_mean_and_spread():
    documents = [result(row(4, psnr, seed=seed)) for seed, psnr in enumerate((26.0, 26.5, 27.0))]
    (line,) = tables(*documents)["seeds"].rows
    assert line == [
        "mnist, m = 100, s = 50", "4-bit Q-GEN", NONE, "0, 1, 2", "26.50", "0.50", "26.00 to 27.00",
        "0.9400",
    ]  # fmt: skip
    assert "seeds" not in tables(documents[0])


def test_seeds_are_those_of_equally_long_trainings():
    documents = [
        result(row(4, psnr, seed=seed, training={"steps": steps}))
        for seed, psnr, steps in ((0, 26.0, 9000), (1, 24.0, 1000), (2, 25.0, 1000))
    ]
    (line,) = tables(*documents)["seeds"].rows
    assert line[2:5] == ["1,000", "1, 2", "24.50"]
    for document in documents:
        document["rows"][0]["training"]["init_from"] = "mnist-32bit"
    (line,) = tables(*documents)["seeds"].rows
    assert line[2] == "1,000 after another run's"


def test_linear_sensing_and_phase_retrieval_have_rows_of_their_own():
    linear = result(row(4, sensing="gaussian"))
    phase = result(
        row(4, 21.0, sensing="phase-rademacher-amplitude", success_rate=0.125, restarts=5)
    )
    rows = tables(linear, phase)["sensing"].rows
    assert [line[0] for line in rows] == ["gaussian", "phase-rademacher-amplitude"]
    assert rows[0][-2:] == [NONE, "1"]
    assert rows[1][4:] == ["21.00 ± 0.25", "0.9400 ± 0.0020", "12.5%", "5"]


def test_every_row_says_engine_kernel_solver_seeds_machine_and_commit():
    dense = row(32, sparsity=None, seed=None, engine="integer", activation_bits=16)
    dense["solver"]["momentum"] = True
    lines = tables(result(row(4), dense, seed=7), names=["mnist"])["rows"].rows
    assert lines[0][1:5] == ["mnist-4bit", "float/native", "proximal, 50 steps, s = 50", "0 / 7"]
    assert lines[0][5:] == ["x86_64 Linux, 2 cores", "0123456789ab"]
    assert lines[1][2:5] == [
        "integer/native, 16 bits",
        "proximal +, 50 steps, dense",
        f"{NONE} / 7",
    ]


def test_the_main_result_is_the_one_of_most_priors_then_of_the_lowest_seed():
    documents = {
        "few": result(row(4)),
        "later": result(row(4, seed=1), row(1, seed=1)),
        "first": result(row(4), row(1)),
        "other-m": result(row(4, measurements=25)),
        "integer": result(row(4, engine="integer")),
    }
    found = main_results([parse_result(each, name) for name, each in documents.items()])
    assert [each.name for each in found] == ["first", "integer", "other-m"]


@pytest.mark.parametrize("value", [26.801, 26.799])
def test_a_gap_of_nothing_has_no_sign(value):
    rows = (row(32, 26.8), row(4, psnr=value, ssim=mean(0.9, 0.01)))
    assert width_table(parse_result(result(*rows), "m")).rows[1][3] == "0.00"
