"""Tables of Generator Surgery, from comparisons whose figures are known."""

import pytest

from bitprior_export.report import Findings
from bitprior_export.report.surgery.reading import parse_comparison
from bitprior_export.report.surgery.selection import lines
from bitprior_export.report.table import NONE
from bitprior_export.report.tables import all_tables
from builders.comparisons import comparison, raw, trial


def tables(*documents):
    found = [parse_comparison(each, f"r{index}") for index, each in enumerate(documents)]
    return {table.name: table for table in all_tables(Findings(comparisons=found))}


def test_methods_stand_over_m_with_their_spread():
    rows = [trial("GS", 600, 24.0), trial("GS", 2000, 28.0), trial("Lasso-DCT", 600, 20.0)]
    table = tables(comparison(*rows))["gs-celeba64"]
    assert table.columns == ("method", "prior", "m = 600, m/n = 0.049", "m = 2000, m/n = 0.163")
    lasso, surgery = table.rows
    assert lasso[:2] == ["Lasso-DCT", NONE]
    assert lasso[3] == NONE
    assert surgery[:2] == ["GS, cut 1", "dcgan, 32 filters"]
    assert surgery[2].startswith("24.00 ± 1.5")
    assert "celeba64, test, first 12 images" in table.notes[0]


def test_of_several_cuts_the_one_of_most_m_and_then_of_most_images_is_shown():
    rows = [trial(m=600, cut=2), trial(m=600, cut=1), trial(m=2000, cut=1)]
    (line,) = lines([parse_comparison(comparison(*rows), "r")])
    assert line.cut == 1
    rows = [trial(images=6, cut=1), trial(cut=3), trial(images=20, cut=3)]
    (line,) = lines([parse_comparison(comparison(*rows), "r")])
    assert line.cut == 3
    assert line.points[600][1].images == 20


def test_a_method_of_fewer_images_says_how_many():
    rows = tables(comparison(trial(), trial("ILO", images=5)))["gs-celeba64"].rows
    assert [row[0] for row in rows] == ["GS, cut 1", "ILO, 5 images"]


def test_bit_widths_are_compared_with_32_bits_image_by_image():
    rows = [trial(m=m, psnr=24.0 + m / 1000, bits=bits) for bits in (32,) for m in (600, 2000)]
    rows += [trial(m=m, psnr=23.5 + m / 1000, bits=4) for m in (600, 2000, 6000)]
    table = tables(comparison(*rows))["gs-bits-celeba64"]
    assert [row[0] for row in table.rows] == ["32-bit", "4-bit"]
    (sentence,) = table.lead
    assert sentence.startswith("dcgan, 32 filters, GS, cut 1: 4-bit minus 32-bit is -0.50 ± 0.")
    assert "gs-bits-celeba64" not in tables(comparison(trial()))


def test_low_widths_without_a_32_bit_prior_have_nothing_to_refer_to():
    table = tables(comparison(trial(bits=4), trial(bits=1)))["gs-bits-celeba64"]
    assert table.lead == []
    assert len(table.rows) == 2


def test_raw_reconstruction_tells_training_and_test_images_apart():
    training = raw("celeba64", 21.0, 34.0, part="train, first 12 images")
    found = tables(raw("own samples", 38.0, 34.0), training, raw("celeba64", 19.0, 33.0))
    table = found["gs-raw"]
    assert table.columns[2:] == ("celeba64, test", "celeba64, train", "own samples")
    assert [row[0] for row in table.rows] == ["no GS (CSGM)", "GS, cut 1"]
    assert [cell[:4] for cell in table.rows[0][2:]] == ["19.0", "21.0", "38.0"]


def test_starts_and_cuts_have_a_column_each():
    inits = [trial(psnr=20.0, init="zero"), trial(psnr=21.0, init="clamped-normal")]
    cuts = [trial("CSGM", psnr=18.0, cut=None), trial(psnr=25.0, cut=1), trial(psnr=22.0, cut=3)]
    ignored = [trial("Lasso-DCT"), trial("ILO", cut=2)]
    found = tables(
        comparison(*inits, trial("Lasso-DCT"), experiment="inits"),
        comparison(*cuts, *ignored, experiment="cuts"),
    )
    assert found["gs-inits"].columns[3:] == ("zero", "clamped-normal")
    assert found["gs-inits"].rows[0][1] == "dcgan, 32 filters, 32-bit, GS, cut 1"
    assert found["gs-cuts"].columns[4:] == ("cut 0", "cut 1", "cut 3", "best cut")
    assert found["gs-cuts"].rows[0][-1] == "1"


@pytest.mark.parametrize("experiment", ["mask", "superres"])
def test_other_operators_have_a_table_of_their_own(experiment):
    rows = [trial("GS", 768, 25.0, operator="superres:factor=4"), trial("Lasso-DCT", 768, 22.0)]
    table = tables(comparison(*rows, experiment=experiment))[f"gs-{experiment}"]
    assert table.rows[0][3:7] == ["GS, cut 1", "superres:factor=4", "0.062", "12"]
    assert table.rows[1][1:3] == [NONE, NONE]


def test_variables_stand_beside_the_papers_table_1_and_its_undercount_is_named():
    table = tables(comparison())["gs-variables"]
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["GS"] == ["0.833", "0.667"]
    assert rows["Deep Decoder"] == ["0.838", "0.684"]
    assert rows["mGANprior"] == ["0.195", "0.186"]
    assert rows["Lasso-DCT"] == [NONE, "1.000"]
    assert table.columns[2] == "dcgan, 32 filters, n = 12288"
    assert "0.245" in table.notes[0]


def test_orderings_come_with_their_figures_by_data_and_prior():
    table = tables(comparison(), comparison(dataset="coco64"))["gs-orderings"]
    first = [row[:6] for row in table.rows if row[0] == "(1)"]
    network = "dcgan, 32 filters"
    assert first == [["(1)", data, network, "4", "4", "0"] for data in ("celeba64", "coco64")]
    assert len(table.lead) == 12


def test_how_each_method_was_run_is_one_row_for_all_m():
    rows = tables(comparison(trial(m=600), trial(m=2000), trial("Lasso-DCT", restarts=1)))[
        "gs-rows"
    ]
    surgery, lasso = rows.rows
    assert surgery[4] == "600, 2000"
    assert surgery[8] == "25"
    assert surgery[9] == "solver lbfgs, lr 0.1, steps 25"
    assert lasso[1:4] == ["Lasso-DCT", NONE, NONE]


def test_only_what_was_measured_is_shown():
    assert set(tables(comparison(trial(), experiment="inits"))) == {"gs-orderings", "gs-rows"}
