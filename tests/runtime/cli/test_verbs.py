"""The verbs of the runtime, run in process: output, files, exit status."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from bitprior_runtime.cli import verbs
from bitprior_runtime.cli.main import run
from bitprior_runtime.images import encode_png


@pytest.fixture
def call(capsys, tmp_path, monkeypatch):
    """Run the command line in an empty folder; return status, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments):
        capsys.readouterr()
        status = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return status, captured.out, captured.err

    return invoke


def test_sense_and_recover_and_the_picture_is_there(call, bundle_path, images):
    np.save("x.npy", images)
    status, out, _ = call("sense", bundle_path, "x.npy", "--out", "y.npy")
    assert status == 0
    assert out.startswith("Sensed 5 images: 6 values to 3 measurements each")
    assert np.load("y.npy").shape == (5, 3)
    status, out, err = call("recover", bundle_path, "y.npy", "--out", "x.png", "--restarts", 2)
    assert status == 0
    # A prior of random weights explains little of them, and says so.
    assert all(line.startswith("Warning: ") for line in err.splitlines())
    assert out.startswith("Recovered 5 images in ")
    assert "loss at step 0:" in out
    assert Path("x.png").read_bytes().startswith(b"\x89PNG")
    assert call("recover", bundle_path, "y.npy", "--out", "x2.npy")[0] == 0
    assert np.load("x2.npy").shape == (5, 1, 2, 3)


def test_an_image_file_is_sensed(call, bundle_path, images):
    Path("x.png").write_bytes(encode_png(images[0]))
    assert call("sense", bundle_path, "x.png", "--out", "y.npy")[0] == 0
    assert np.load("y.npy").shape == (1, 3)


def test_json_holds_the_loss_history(call, bundle_path, images):
    np.save("x.npy", images)
    _, out, _ = call("sense", bundle_path, "x.npy", "--out", "y.npy", "--json")
    assert json.loads(out) == {"out": "y.npy", "images": 5, "pixels": 6, "measurements": 3}
    _, out, _ = call(
        "recover", bundle_path, "y.npy", "--out", "x2.npy",
        "--steps", 7, "--solver", "adam", "--json",
    )  # fmt: skip
    result = json.loads(out)
    assert result["solver"] == "adam"
    assert len(result["history"]) == 5
    assert len(result["history"][0]) == 8
    assert result["loss"] == [history[-1] for history in result["history"]]


def test_recover_takes_the_options_of_the_solvers(call, bundle_path, images):
    np.save("x.npy", images)
    np.save("z.npy", np.zeros((5, 4), np.float32))
    call("sense", bundle_path, "x.npy", "--out", "y.npy")
    common = ("recover", bundle_path, "y.npy", "--out", "x.png", "--latent", "z.npy")
    common = (*common, "--kernel", "numpy", "--json")
    found = {}
    for name, options in {
        "backtracking": ("--line-search", "--tolerance", "1e-4", "--steps", 90),
        "momentum": ("--solver", "fista", "--no-line-search", "--max-seconds", "60"),
        "torch": ("--solver", "lbfgs", "--no-line-search", "--step-size", "0.1", "--steps", 9),
        "gauss-newton": ("--solver", "gauss-newton", "--sparsity", "3", "--steps", 4),
    }.items():
        status, out, _ = call(*common, *options)
        assert status == 0
        found[name] = json.loads(out)
        assert found[name]["loss"] < found[name]["history"][0]
    # All began at the same latent.
    assert len({json.dumps([h[0] for h in one["history"]]) for one in found.values()}) == 1
    assert min(found["backtracking"]["steps"]) < 90
    assert found["momentum"]["steps"] == [50] * 5
    assert all(count >= 4 * 3 for count in found["gauss-newton"]["evaluations"])
    status, out, _ = call(*common[:-1], "--line-search", "--tolerance", "1e-4", "--steps", 90)
    assert "steps, float/numpy" in out
    assert " to " in out.split(" steps")[0]


def test_info_shows_layers_and_bits(call, bundle_path):
    status, out, _ = call("info", bundle_path)
    assert status == 0
    assert "4-bit prior, format 1.4" in out
    assert "Gemm" in out
    assert json.loads(call("info", bundle_path, "--json")[1])["name"] == "tiny"


def test_verify_says_what_was_compared(call, bundle_path):
    status, out, _ = call("verify", bundle_path)
    assert status == 0
    assert out.count("  ok") == 5
    assert json.loads(call("verify", bundle_path, "--json")[1])["passed"] is True


def test_recover_says_which_engine_a_probe_chose_and_why(call, bundle_path, images):
    np.save("x.npy", images)
    call("sense", bundle_path, "x.npy", "--out", "y.npy")
    flags = ("--out", "x2.npy", "--engine", "auto", "--json")
    status, out, err = call("recover", bundle_path, "y.npy", *flags)
    assert status == 0
    chosen = json.loads(out)
    assert err.startswith(f"Engine {chosen['engine']}/{chosen['kernel']}: one gradient of 5 rows")
    assert "integer/numpy is out: none (format 1.0, or exported without)" in err


def test_verify_of_a_wrong_engine_ends_with_status_1(call, bundle_path, monkeypatch):
    from bitprior_runtime.engines import FloatEngine

    right = FloatEngine.generate
    monkeypatch.setattr(FloatEngine, "generate", lambda self, z: right(self, z) + 0.01)
    status, out, err = call("verify", bundle_path, "--kernel", "numpy")
    assert status == 1
    assert "FAIL image G(z)" in out
    assert len(err.splitlines()) == 1


def test_doctor_runs_the_float_engine(call):
    status, out, _ = call("doctor", "--json")
    result = json.loads(out)
    assert status == 0
    assert result["engines"]["float/numpy"]["works"] is True
    assert result["packages"]["numpy"]
    assert result["engines"]["float/native"]["works"] is True
    text = call("doctor")[1]
    assert "ok engine float/numpy" in text
    assert "ok engine float/native" in text


def test_doctor_ends_with_status_1_if_an_engine_is_wrong(call, monkeypatch):
    from bitprior_runtime.engines.native_float_engine import NativeFloatEngine

    monkeypatch.setattr(NativeFloatEngine, "sense", lambda self, x: x)
    status, out, err = call("doctor")
    assert status == 1
    assert "FAIL engine float/native" in out
    assert "found errors in: float/native" in err


def test_doctor_says_what_is_lost_without_the_native_kernels(call, monkeypatch, tmp_path):
    from bitprior_runtime.kernels import library

    monkeypatch.setenv("BITPRIOR_NATIVE_LIBRARY", str(tmp_path / "none.so"))
    library.library.cache_clear()
    text = call("doctor")[1]
    found = json.loads(call("doctor", "--json")[1])["native_kernels"]
    library.library.cache_clear()
    assert "-- native kernels: they were not built; numpy does the work" in text
    assert found == {"kernels": [], "problem": "they were not built"}


def test_devices_lists_profiles(call):
    assert "raspberry-pi-5" in call("devices")[1]
    (row,) = json.loads(call("devices", "pc", "--json")[1])["devices"]
    assert row["name"] == "pc"


def test_help_and_version_end_with_status_0(call):
    assert call("--version")[:2] == (0, "bitprior 0.1.0\n")
    for arguments in ((), ("--help",), ("recover", "--help")):
        status, out, _ = call(*arguments)
        assert status == 0
        assert "Usage: bitprior" in out


BAD = [
    (("frobnicate",), 2, "No such command 'frobnicate'"),
    (("info",), 2, "Missing argument"),
    (("info", "none.bitprior"), 2, "No such file"),
    (("info", "."), 2, "folder"),
    (("devices", "toaster"), 2, "raspberry-pi-4"),
    (("verify", "foreign"), 3, "bundle"),
    (("verify", "empty"), 3, "empty"),
    (("sense", "BUNDLE", "none.npy", "--out", "y.npy"), 2, "No such file"),
    (("sense", "BUNDLE", "x.npy", "--out", "none/y.npy"), 2, "mkdir -p none"),
    (("sense", "BUNDLE", "wrong.npy", "--out", "y.npy"), 2, "[B,1,2,3]"),
    (("recover", "BUNDLE", "wrong.npy", "--out", "x.png"), 2, "m = 3"),
    (("recover", "BUNDLE", "nan.npy", "--out", "x.png"), 2, "NaN or Inf"),
    (("recover", "BUNDLE", "integers.npy", "--out", "x.png"), 2, "dtype int64"),
    (("recover", "BUNDLE", "foreign", "--out", "x.png"), 2, ".npy"),
    (("recover", "BUNDLE", "y.npy", "--out", "x.jpg"), 2, ".png or .npy"),
    (
        ("recover", "BUNDLE", "y.npy", "--out", "x.png", "--solver", "magic"),
        2,
        "proximal, fista, adam",
    ),
    (("recover", "BUNDLE", "y.npy", "--out", "x.png", "--latent", "nan.npy"), 2, "k = 4"),
    (
        ("recover", "BUNDLE", "y.npy", "--out", "x.png", "--solver", "lbfgs", "--sparsity", "2"),
        2,
        "takes it: proximal, fista, adam, gauss-newton",
    ),
    (("recover", "BUNDLE", "y.npy", "--out", "x.png", "--engine", "gpu"), 2, "float"),
    (("recover", "BUNDLE", "y.npy", "--out", "x.png", "--steps", "0"), 2, "steps >= 1"),
    (("recover", "BUNDLE", "y.npy", "--out", "x.png", "--steps", "x"), 2, "--steps"),
    (("recover", "BUNDLE", "y.npy"), 2, "--out"),
]


@pytest.mark.parametrize("json_mode", [False, True], ids=["text", "json"])
@pytest.mark.parametrize(("arguments", "status", "message"), BAD)
def test_bad_input_gives_one_line_a_status_and_no_file(
    call, bundle_path, images, arguments, status, message, json_mode
):
    np.save("x.npy", images)
    np.save("y.npy", np.zeros((1, 3), np.float32))
    np.save("wrong.npy", np.zeros((1, 1, 3, 3), np.float32))
    np.save("nan.npy", np.full((1, 3), np.nan, np.float32))
    np.save("integers.npy", np.zeros((1, 3), np.int64))
    Path("empty").touch()
    Path("foreign").write_text("something else entirely\n" * 10)
    before = sorted(os.listdir())
    line = [bundle_path if argument == "BUNDLE" else argument for argument in arguments]
    found, out, err = call(*line, *(["--json"] if json_mode else []))
    assert found == status
    assert message in err
    assert len(err.splitlines()) == 1
    assert err.startswith("bitprior: expected ")
    assert sorted(os.listdir()) == before
    assert (json.loads(out)["error"]["exit_code"] if json_mode else out) == (
        status if json_mode else ""
    )


def test_a_verb_whose_packages_are_missing_names_the_extra(call, monkeypatch):
    monkeypatch.setattr(verbs, "find_spec", lambda name: None)
    monkeypatch.setattr(verbs, "UNAVAILABLE", {})
    status, _, err = call("train", "mnist")
    assert status == 2
    assert "pip install 'bitprior[train]'" in err
    assert "  -- verb 'train' needs" in call("doctor")[1]


def test_an_interrupt_ends_with_status_130(call, monkeypatch):
    from bitprior_runtime.cli import main

    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr(main, "build_app", interrupt)
    assert call("doctor") == (130, "", "bitprior: interrupted\n")
