"""``bitprior train``: its result, and every refusal before any work."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner

from bitprior_runtime.errors import (
    BitpriorError,
    MissingFileError,
    UnwritableOutputError,
    UsageError,
)
from bitprior_train.commands import register
from bitprior_train.session import Request, announce, resolve_config

TINY = [
    f"--set={o}"
    for o in (
        "model.latent=8",
        "model.hidden=[12]",
        "model.sensing_hidden=[12]",
        "optimiser.batch=8",
        "validation.images=4",
        "validation.steps=[2]",
    )
]


def bitprior(*arguments: str) -> str:
    app = Typer()
    register(app)
    app.command("other")(lambda: None)
    result = CliRunner().invoke(app, list(arguments))
    if result.exception:
        raise result.exception
    return result.stdout


def train(out: Path, *arguments: str, bits: str = "4") -> str:
    return bitprior(
        "train", "digits", "--bits", bits, "--measurements", "6", "--sparsity", "5",
        "--steps", "2", "--out", str(out), *TINY, *arguments,
    )  # fmt: skip


def test_the_result_is_one_past_tense_line_with_figures(tmp_path: Path) -> None:
    out = train(tmp_path / "run")
    assert out.count("\n") == 1
    assert out.startswith("Trained 2 steps in ")
    assert "MiB" in out
    assert " images/s, " in out
    assert " dB; wrote " in out


def test_json_is_one_object(tmp_path: Path) -> None:
    result = json.loads(train(tmp_path / "run", "--json", "--seed", "3"))
    assert result["steps"] == 2
    assert result["images_per_s"] == pytest.approx(8 / (1e-3 * result["ms_per_step"]))
    assert result["peak_memory_mib"] > 50
    assert result["run"] == str(tmp_path / "run")
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert result["validation_psnr"] == record["validation_psnr"]
    assert (record["bits"], record["measurements"], record["sparsity"]) == (4, 6, 5)
    assert record["seed"] == 3


def test_options_beat_the_file_and_the_file_beats_the_preset(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text("[optimiser]\nlr = 0.125\nsteps = 99\n[loss]\ndelta = 0.5\n")
    train(tmp_path / "run", "--config", str(file), "--set", "loss.delta=0.25")
    config = json.loads((tmp_path / "run" / "run.json").read_text())["config"]
    assert config["optimiser"]["lr"] == 0.125
    assert config["optimiser"]["steps"] == 2
    assert config["loss"]["delta"] == 0.25
    assert config["optimiser"]["schedule"] == "cosine"


def test_a_folder_that_holds_a_run_is_refused_unless_resumed(tmp_path: Path) -> None:
    train(tmp_path / "run")
    before = {p: p.read_bytes() for p in (tmp_path / "run").iterdir()}
    with pytest.raises(UsageError, match="--resume"):
        train(tmp_path / "run")
    assert {p: p.read_bytes() for p in (tmp_path / "run").iterdir()} == before
    assert "Trained 2 steps" in train(tmp_path / "run", "--resume")


@pytest.mark.parametrize(
    ("changed", "named"),
    [(("--steps", "7"), r"optimiser\.steps"), (("--set", "loss.s_rec=2"), r"loss\.s_rec")],
)
def test_a_resumed_run_cannot_be_changed(
    tmp_path: Path, changed: tuple[str, str], named: str
) -> None:
    train(tmp_path / "run")
    with pytest.raises(UsageError, match=named):
        bitprior("train", "digits", "--out", str(tmp_path / "run"), "--resume", *changed)


def test_a_run_of_another_data_set_cannot_be_resumed(tmp_path: Path) -> None:
    train(tmp_path / "run")
    with pytest.raises(UsageError, match=r"data\.name"):
        bitprior("train", "mnist", "--out", str(tmp_path / "run"), "--resume")


def test_resuming_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"config\.toml"):
        bitprior("train", "digits", "--out", str(tmp_path / "none"), "--resume")


def refusals(tmp: Path) -> list[tuple[list[str], type[BitpriorError]]]:
    out = ["--out", str(tmp / "run")]
    file = tmp / "file"
    file.write_text("here")
    run_of_other_shape = tmp / "other"
    train(run_of_other_shape)
    return [
        (["cifar99", *out], UsageError),
        (["digits", *out, "--bits", "5"], UsageError),
        (["digits", *out, "--bits", "0"], UsageError),
        (["digits", *out, "--steps", "0"], UsageError),
        (["digits", *out, "--seed", "-1"], UsageError),
        (["digits", *out, "--sparsity", "99"], UsageError),
        (["digits", *out, "--set", "nonsense"], UsageError),
        (["digits", *out, "--set", "a.b=1"], UsageError),
        (["digits", *out, "--set", "optimiser.batch=2000"], UsageError),
        (["digits", *out, "--config", str(tmp / "none.toml")], MissingFileError),
        (["digits", *out, "--config", str(file)], UsageError),
        (["digits", *out, "--init-from", str(tmp / "none")], MissingFileError),
        (["digits", *out, "--init-from", str(run_of_other_shape)], UsageError),
        (["mnist", *out], MissingFileError),
        (["digits", "--out", str(file)], UnwritableOutputError),
        (["digits", "--out", str(file / "below")], UnwritableOutputError),
    ]


def test_every_wrong_argument_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BITPRIOR_DATA", raising=False)
    for arguments, kind in refusals(tmp_path):
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(kind) as caught:
            bitprior("train", *arguments)
        assert caught.type is kind, arguments
        assert sorted(tmp_path.rglob("*")) == before, arguments


def test_a_run_to_start_from_does_not_go_with_resume(tmp_path: Path) -> None:
    train(tmp_path / "run")
    with pytest.raises(UsageError, match="--init-from"):
        train(tmp_path / "run", "--resume", "--init-from", str(tmp_path / "run"))


def test_importing_the_verb_loads_no_torch() -> None:
    code = (
        "import sys, typer, bitprior_train.commands as c; c.register(typer.Typer())\n"
        "sys.exit(any(m in sys.modules for m in ('torch', 'brevitas', 'pydantic', 'sklearn')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_system_and_recipe_are_options(tmp_path: Path) -> None:
    train(tmp_path / "paper", "--system", "sdlss", "--preset", "paper", "--steps", "2")
    record = json.loads((tmp_path / "paper" / "run.json").read_text())
    assert (record["system"], record["scale"]) == ("sdlss", "max-abs")


def test_a_fixed_matrix_is_said_to_switch_s_rec_off(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request = Request("digits", tmp_path, overrides=("model.sensing=gaussian",))
    announce(resolve_config(request))
    assert "L_A is off" in capsys.readouterr().err
    announce(resolve_config(Request("digits", tmp_path)))
    assert capsys.readouterr().err == ""


def test_a_start_with_another_matrix_is_refused(tmp_path: Path) -> None:
    train(tmp_path / "start", "--set", "model.sensing=gaussian", bits="32")
    with pytest.raises(UsageError, match="sensing_seed"):
        train(
            tmp_path / "run", "--set", "model.sensing=gaussian", "--set", "model.sensing_seed=1",
            "--init-from", str(tmp_path / "start"),
        )  # fmt: skip
