"""What a report says of photos, from results whose figures are known."""

import csv
import io
import json
import re

import pytest

from bitprior_export.report import Findings, Report, parse_photos
from bitprior_export.report.flat import render_csv, render_json
from bitprior_export.report.html import render
from bitprior_export.report.markdown import render_markdown
from bitprior_export.report.photo.published import PEERS
from bitprior_export.report.photo.selection import by_set
from bitprior_export.report.table import NONE
from bitprior_export.report.tables import all_tables
from builders.photo_results import (
    of_ratio,
    photo_result,
    photo_row,
    pictures,
    prior,
    published,
)

ARROW = "\N{RIGHTWARDS ARROW}"


def findings(*documents, archives=()):
    archives = [*archives, *([None] * (len(documents) - len(archives)))]
    found = [
        parse_photos(document, f"photos-{index}", archive)
        for index, (document, archive) in enumerate(zip(documents, archives, strict=True))
    ]
    return Findings(photos=found)


def tables(*documents):
    return {table.name: table for table in all_tables(findings(*documents))}


@pytest.fixture(scope="module")
def ratios():
    """Set11 at two ratios, each in a file of its own, the larger one first."""
    return photo_result(*of_ratio(25, photos=11)), photo_result(*of_ratio(10, photos=11))


def test_ratios_of_several_files_stand_beside_each_other_smallest_first(ratios):
    table = tables(*ratios)["photos-set11"]
    assert table.columns == ("PSNR, dB / SSIM", "10 %", "25 %")
    by_label = {row[0]: list(row[1:]) for row in table.rows}
    assert by_label["32-bit"] == ["25.00 / 0.812", "32.50 / 0.812"]
    assert by_label["1-bit"] == ["24.80 / 0.812", "32.30 / 0.812"]
    assert [row[0] for row in table.rows[:6]] == [
        "32-bit", "4-bit", "1-bit", "linear MMSE", "PCA", "pseudo-inverse",
    ]  # fmt: skip


def test_the_peers_figures_stand_in_the_columns_of_the_same_matrices(ratios):
    by_label = {row[0]: list(row[1:]) for row in tables(*ratios)["photos-set11"].rows}
    assert by_label["ISTA-Net+, run by us"] == ["26.49", "32.44"]
    assert by_label["ISTA-Net+, published"] == ["26.64", "32.57"]
    assert by_label["linear MMSE, beside the peer"] == ["23.20", "26.92"]
    notes = " ".join(tables(*ratios)["photos-set11"].notes)
    assert all(peer.source in notes for peer in PEERS)
    assert "padded with zeros, which all but ISTA-Net+ are told" in notes


def test_the_peers_stay_out_where_other_matrices_or_photos_were_used():
    own = photo_row(operator="blocks:matrix=own.npz#a,size=33", matrix_file="own.npz#a")
    few, other = photo_result(*of_ratio(10, photos=10)), photo_result(dataset="photos-validation")
    for document in (photo_result(own), few, other):
        found = tables(document)
        table = found[f"photos-{document['dataset']}"]
        assert "ISTA-Net+" not in f"{table.rows} {table.notes}"
    bsd68 = tables(photo_result(*of_ratio(1, photos=34), dataset="bsd68"))["photos-bsd68"]
    by_label = {row[0]: list(row[1:]) for row in bsd68.rows}
    assert by_label["ISTA-Net+, run by us"] == [NONE], "not measured at 1 %"
    assert "ISTA-Net+, published" not in by_label


def test_a_width_is_compared_with_32_bits_at_every_ratio(ratios):
    notes = tables(*ratios)["photos-set11"].notes
    assert "4-bit below 32-bit: 0.10, 0.10 dB." in notes
    assert "1-bit below 32-bit: 0.20, 0.20 dB." in notes
    assert not any("32-bit below" in note for note in notes)


def test_the_steps_table_has_the_start_and_the_end_and_priors_only(ratios):
    table = tables(*ratios)["photos-set11-steps"]
    assert [row[0] for row in table.rows] == ["32-bit", "4-bit", "1-bit"]
    assert table.rows[0][1:] == [f"23.00 {ARROW} 25.00", f"30.50 {ARROW} 32.50"]


def test_fresh_matrices_walsh_functions_and_noise_have_a_table_of_their_own():
    fresh = {"operator": "gaussian-blocks:m=109,size=33,seed=7", "matrix_file": None,
             "operator_kind": "gaussian-blocks"}  # fmt: skip
    walsh = {"operator": "walsh-blocks:m=102,size=32", "operator_kind": "walsh-blocks",
             "matrix_file": None, "m": 102, "n": 1024}  # fmt: skip
    rows = [
        photo_row(10, psnr=26.8),
        photo_row(10, psnr=26.7, **fresh),
        photo_row(10, psnr=27.5, **walsh),
        photo_row(10, psnr=25.0, noise=0.01),
        photo_row(10, "linear MMSE", 23.0, noise=0.01),
    ]
    found = tables(photo_result(*rows))
    assert len(found["photos-set11"].rows[0]) == 2
    table = found["photos-set11-others"]
    assert table.columns == ("measured by", "4-bit", "linear MMSE")
    by_name = {row[0]: row[1:] for row in table.rows}
    times = "\N{MULTIPLICATION SIGN}"
    assert by_name[f"the published matrices, 33 {times} 33, 10 %, noise 1 %"] == [
        f"23.00 {ARROW} 25.00", "23.00",
    ]  # fmt: skip
    seeded = f"Gaussian rows of a seed no training had, 33 {times} 33, 10 %"
    assert by_name[seeded] == [f"24.70 {ARROW} 26.70", NONE]
    assert f"Walsh functions of lowest sequency, 32 {times} 32, 10 %" in by_name


def test_without_published_matrices_the_noise_free_operators_are_the_main_table():
    fresh = {"operator_kind": "gaussian-blocks", "matrix_file": None}
    rows = [
        photo_row(10, operator="gaussian-blocks:m=109,size=33,seed=7", **fresh),
        photo_row(10, operator="gaussian-blocks:m=109,size=33,seed=7", noise=0.05, **fresh),
    ]
    found = tables(photo_result(*rows, dataset="camera"))
    assert found["photos-camera"].columns == ("PSNR, dB / SSIM", "10 %")
    assert len(found["photos-camera-others"].rows) == 1


def test_operators_of_equal_shares_are_told_apart_by_their_kind():
    rows = [
        photo_row(10, operator="a", operator_kind="gaussian-blocks", matrix_file=None),
        photo_row(10, operator="b", operator_kind="walsh-blocks", matrix_file=None),
    ]
    table = tables(photo_result(*rows))["photos-set11"]
    assert table.columns[1:] == ("10 %, gaussian-blocks", "10 %, walsh-blocks")


def test_costs_name_every_width_of_weights_and_the_usual_frame_at_ten_per_cent(ratios):
    mixed = prior(
        1, name_line="1-bit, D 8-bit, mean 1.2", mean_bits=1.25, widths={"8": 4000, "1": 113504}
    )
    row = photo_row(10, bits=1, prior=mixed)
    table = tables(*ratios, photo_result(row))["photos-costs"]
    by_label = {each[0]: list(each[1:]) for each in table.rows}
    times = "\N{MULTIPLICATION SIGN}"
    assert by_label["4-bit"][-1] == "400 / 420"
    assert by_label["4-bit"][-2] == f"256 {times} 256 at 10 %"
    assert by_label["ISTA-Net+, run by us"][3] == "1,347,912 a ratio"
    only = tables(photo_result(row))["photos-costs"].rows[0]
    assert only[:5] == [
        "1-bit, D 8-bit, mean 1.2", "117,504", "113,504 of 1 bit, 4,000 of 8 bits", "1.25",
        "30,000",
    ]  # fmt: skip


def test_other_engines_and_equal_widths_have_rows_of_their_own():
    rows = [
        photo_row(prior=prior(4, engine="integer")),
        photo_row(prior=prior(4)),
        photo_row(prior=prior(4, bundle="other")),
    ]
    (found,) = by_set([parse_photos(photo_result(*rows), "r")])
    assert list(found.rows) == ["4-bit, other", "4-bit, photo-4bit", "4-bit, integer engine"]


def test_a_busy_machine_is_told(ratios):
    busy = photo_row(prior=prior(4, busy=True))
    assert "Other work ran" in tables(photo_result(busy))["photos-costs"].notes[-1]
    assert "Other work ran" not in str(tables(*ratios)["photos-costs"].notes)


def test_photos_come_first_on_the_page_with_original_linear_and_every_width():
    document = photo_result()
    found = findings(document, archives=[pictures(6)])
    page = render(Report("r", "s", found, {}))
    sections = re.findall(r'<section id="([^"]+)">', page)
    assert sections == ["photos-set11", "photos-set11-steps", "photos-costs", "photo-rows"]
    captions = re.findall(r'image \d+" style="width: 12.0rem">\n(.*?)<br>', page)
    assert captions == 2 * ["original", "linear MMSE", "32-bit", "4-bit", "1-bit"]
    assert "6.00 dB" in page, "of the second linear decoding"


def test_a_figure_is_drawn_where_there_are_several_ratios(ratios):
    assert render(Report("r", "s", findings(*ratios), {})).count("<svg") == 1
    assert "<svg" not in render(Report("r", "s", findings(ratios[0]), {}))


def test_the_pictures_are_those_nearest_to_ten_per_cent():
    results = photo_result(*of_ratio(25)), photo_result(*of_ratio(10))
    page = render(Report("r", "s", findings(*results, archives=[pictures(6)] * 2), {}))
    assert "the published matrices, 33 \N{MULTIPLICATION SIGN} 33, 10 %</h3>" in page


def test_markdown_csv_and_json_have_every_row(ratios):
    found = findings(*ratios)
    text = render_markdown(Report("r", "s", found, {}))
    assert "## Photos, Set11: block measurements, 10 and 25 % of the pixels' number" in text
    assert "bitprior evaluate photo-4bit" in text
    lines = list(csv.DictReader(io.StringIO(render_csv(found))))
    assert len(lines) == 12
    assert [float(line["psnr"]) for line in lines[:3]] == [32.5, 32.4, 32.3]
    document = json.loads(render_json(found))
    assert len(document["photos"]) == 12
    assert document["photos"][0]["operator"] == published(25)
    assert [peer["label"] for peer in document["photo_peers"]] == [peer.label for peer in PEERS]
