"""Result tables in documents are those of results/, to the letter."""

import json
from pathlib import Path

import pytest

from bitprior_export.report import Report, read_findings
from bitprior_export.report.markdown import MARKED, filled, render_markdown
from bitprior_export.report_command import SUMMARY, TITLE
from bitprior_runtime.cli.main import run
from bitprior_runtime.errors import UsageError
from builders.results import result, write

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
REFILL = "run: bitprior report results --format md --out docs/results.md --fill README.md"


def test_docs_results_is_what_the_results_give():
    made = render_markdown(Report(TITLE, SUMMARY, read_findings(RESULTS), {}))
    assert (ROOT / "docs/results.md").read_text("utf-8") == made, REFILL


def test_the_readmes_tables_are_what_the_results_give():
    readme = (ROOT / "README.md").read_text("utf-8")
    assert MARKED.search(readme), "the README shows results"
    assert filled(readme, read_findings(RESULTS), "README.md") == readme, REFILL


def test_every_row_has_the_commands_that_make_it():
    document = (ROOT / "docs/results.md").read_text("utf-8")
    for found in read_findings(RESULTS).results:
        assert found.command in document
        for row in found.rows:
            assert any(command.startswith("bitprior train") for command in row.made_by)
            assert all(command in document for command in row.made_by)


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results"
    write(folder, "mnist", result())
    return folder


def test_a_documents_marked_table_is_brought_up_to_date(results, tmp_path, capsys):
    document = tmp_path / "doc.md"
    marked = "before\n<!-- results:mnist -->\nold\n<!-- results end -->\nafter\n"
    document.write_text(marked)
    assert run(["report", str(results), "--fill", str(document)]) == 0
    text = document.read_text()
    assert text.startswith("before\n<!-- results:mnist -->\n| prior | PSNR, dB |")
    assert text.endswith("\n<!-- results end -->\nafter\n")
    assert "old" not in text
    assert "Reported 5 rows of 1 results" in capsys.readouterr().out
    assert run(["report", str(results), "--fill", str(document)]) == 0
    assert document.read_text() == text


def test_an_unknown_marker_and_no_marker_are_refused(results):
    found = read_findings(results)
    with pytest.raises(UsageError, match=r"mnist, .*rows in doc\.md.*'nist'"):
        filled("<!-- results:nist -->\n<!-- results end -->", found, "doc.md")
    with pytest.raises(UsageError, match="none"):
        filled("# no marker", found, "doc.md")


@pytest.mark.parametrize("form", ["json", "csv", "md"])
def test_without_a_place_a_report_as_text_is_the_result_on_stdout(results, tmp_path, capsys, form):
    out = tmp_path / f"report.{form}"
    assert run(["report", str(results), "--format", form, "--out", str(out)]) == 0
    capsys.readouterr()
    assert run(["report", str(results), "--format", form]) == 0
    assert capsys.readouterr().out == out.read_text()


def test_json_mode_prints_one_object_whatever_the_format(results, capsys):
    assert run(["report", str(results), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["rows"]) == 5
    assert run(["report", str(results), "--format", "csv", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["format"] == "csv"
    assert found["report"].startswith("result,dataset,")


def test_a_page_is_not_for_stdout(results, capsys):
    assert run(["report", str(results), "--format", "html"]) == 2
    printed = capsys.readouterr()
    assert "found a page of html for stdout" in printed.err
    assert printed.out == ""


def test_a_report_needs_a_place_that_can_be_written(results, tmp_path, capsys):
    assert run(["report", str(results)]) == 2
    assert "--out FILE, or --fill DOCUMENT" in capsys.readouterr().err
    assert run(["report", str(results), "--out", str(tmp_path / "none/r.html")]) == 2
    assert run(["report", str(results), "--fill", str(tmp_path / "none.md")]) == 2
    assert "readable document" in capsys.readouterr().err
