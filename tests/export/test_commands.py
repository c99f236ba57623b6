import json
from pathlib import Path

import pytest

from bitprior_runtime.cli.main import run as run_cli
from builders.runs import make_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "run")


def test_export_prints_the_summary_and_what_it_did(
    tmp_path: Path, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "m.bitprior"
    assert run_cli(["export", str(run), "--out", str(out)]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.splitlines()[0].split() == [
        "program",
        "layer",
        "op",
        "shape",
        "bits",
        "weights",
        "other",
        "MACs",
        "kB",
        "float32",
        "kB",
        "ratio",
    ]
    exported, onnx = captured.out.splitlines()[-2:]
    assert "Exported 2 layers at 4 bits" in exported
    assert "ONNX for pc: generate.onnx" in onnx
    assert out.exists()
    assert sorted(path.name for path in (tmp_path / "m-onnx").iterdir()) == [
        "generate.onnx", "gradient.onnx", "recover.onnx", "sense.onnx",
    ]  # fmt: skip


def test_export_prints_one_json_object(
    tmp_path: Path, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "m.bitprior"
    assert run_cli(["export", str(run), "--out", str(out), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["bundle"] == str(out)
    assert result["nodes"] == 13
    assert [file["kind"] for file in result["onnx"]["files"]] == [
        "generate", "sense", "gradient", "recover",
    ]  # fmt: skip


def test_export_writes_the_onnx_files_where_asked_or_not_at_all(tmp_path: Path, run: Path) -> None:
    out, folder = tmp_path / "m.bitprior", tmp_path / "here"
    arguments = ["export", str(run), "--out", str(out)]
    assert run_cli([*arguments, "--targets", "none"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["m.bitprior"]
    assert run_cli([*arguments, "--onnx", str(folder), "--target", "jetson-orin-nano"]) == 0
    assert (folder / "recover.onnx").exists()
    assert run_cli([*arguments, "--target", "toaster"]) == 2


@pytest.mark.parametrize(
    ("folder", "out", "message"),
    [
        ("none", "m.bitprior", "no such folder"),
        ("empty", "m.bitprior", "finish the run: bitprior train"),
        ("run", "missing/m.bitprior", "mkdir -p"),
        ("run", ".", "a folder"),
    ],
)
def test_a_wrong_argument_is_one_line_and_exit_status_2(
    tmp_path: Path,
    run: Path,
    capsys: pytest.CaptureFixture[str],
    folder: str,
    out: str,
    message: str,
) -> None:
    (tmp_path / "empty").mkdir()
    source = run if folder == "run" else tmp_path / folder
    assert run_cli(["export", str(source), "--out", str(tmp_path / out)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]
