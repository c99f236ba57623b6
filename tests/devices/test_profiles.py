"""Device profiles."""

import pytest

from bitprior_devices import load_profile, profile_names
from bitprior_runtime.cli.main import run
from bitprior_runtime.errors import UsageError

NAMES = [
    "jetson-agx-orin",
    "jetson-nano",
    "jetson-orin-nano",
    "jetson-xavier-nx",
    "pc",
    "raspberry-pi-3",
    "raspberry-pi-4",
    "raspberry-pi-5",
    "raspberry-pi-zero-2-w",
]


def test_there_is_a_profile_of_every_board_that_is_named_in_the_documentation():
    assert profile_names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_profile_loads_and_says_where_its_figures_come_from(name):
    profile = load_profile(name)
    assert profile.name == name
    assert profile.source
    assert profile.onnx.source
    assert all(isinstance(feature, str) for feature in profile.features)
    # No board was at hand: a figure that was not measured says so.
    assert profile.verified is profile.onnx.verified is (name == "pc")
    assert profile.verified or "no board was at hand" in profile.source
    assert profile.onnx.verified or "no board was at hand" in profile.onnx.source


@pytest.mark.parametrize("name", NAMES)
def test_what_a_profile_says_of_onnx_can_be_exported(name):
    onnx = load_profile(name).onnx
    assert 13 <= onnx.opset <= 25
    assert 7 <= onnx.ir_version <= 13
    assert set(onnx.half) <= set(onnx.files) <= {"generate", "sense", "gradient", "recover"}
    assert onnx.providers[-1] == "CPUExecutionProvider"
    # TensorRT builds its engine for one shape, and in float16.
    tensorrt = "TensorrtExecutionProvider" in onnx.providers
    assert (onnx.batch == 1) is tensorrt
    assert bool(onnx.half) is tensorrt


def test_the_pi_4_has_no_dot_product_and_the_pi_5_has():
    assert "asimddp" not in load_profile("raspberry-pi-4").features
    assert "asimddp" in load_profile("raspberry-pi-5").features


@pytest.mark.parametrize("name", ["raspberry-pi-zero-2-w", "raspberry-pi-3", "raspberry-pi-4"])
def test_the_onnxruntime_that_dies_on_older_cores_is_to_be_avoided_there(name):
    assert load_profile(name).onnx.avoid == ("1.21.0",)


@pytest.mark.parametrize("name", ["pi", "", "../pc", "pc.toml", "PC"])
def test_an_unknown_device_is_refused_with_the_names_known(name):
    with pytest.raises(UsageError, match="raspberry-pi-4") as caught:
        load_profile(name)
    assert caught.value.exit_code == 2


def test_devices_says_what_onnx_files_a_board_takes(capsys):
    assert run(["devices", "jetson-orin-nano"]) == 0
    out = capsys.readouterr().out
    assert "opset 21, IR 10, batch 1, generate and sense in float16" in out
    assert "unverified: " in out
    assert run(["devices"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(NAMES)
