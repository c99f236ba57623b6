"""The wheel on emulated boards: it works there, and the integer engine gives the same bytes."""

import subprocess
import sys

import numpy as np
import pytest

from bitprior_export.exporter import export_run
from bitprior_runtime import load
from builders import boards
from builders.runs import make_run

pytestmark = [
    pytest.mark.arm,
    pytest.mark.skipif(bool(boards.missing()), reason=boards.missing() or "all is there"),
]
MEASUREMENTS = 3


@pytest.fixture(scope="module")
def problem(tmp_path_factory):
    """An exported run, with measurements of images drawn by its generator."""
    folder = tmp_path_factory.mktemp("problem")
    bundle = folder / "m.bitprior"
    export_run(make_run(folder / "run"), bundle)
    model = load(bundle)
    z = np.random.default_rng(0).standard_normal((MEASUREMENTS, model.bundle.manifest.latent))
    np.save(folder / "y.npy", model.sense(model.generate(z / np.linalg.norm(z, axis=1)[:, None])))
    return bundle, folder / "y.npy"


@pytest.mark.parametrize("core", boards.CORES)
def test_the_golden_cases_replay_on_every_core(core, problem):
    bundle, _ = problem
    assert "Verified" in boards.bitprior(core, "verify", bundle).stdout


@pytest.fixture(scope="module")
def expected(problem, tmp_path_factory):
    """What the numpy kernels of the integer engine recover on this machine, as a file."""
    out = tmp_path_factory.mktemp("here") / "image.npy"
    recover = ["recover", *problem, "--engine", "integer", "--kernel", "numpy", "--out", out]
    run = [sys.executable, "-m", "bitprior_runtime", *map(str, recover)]
    subprocess.run(run, check=True, capture_output=True)
    return out.read_bytes()


@pytest.mark.parametrize(
    ("core", "kernel"), [("cortex-a53", "numpy"), *((core, "native") for core in boards.CORES)]
)
def test_the_integer_engine_recovers_the_same_bytes_on_every_core(
    core, kernel, problem, expected, tmp_path
):
    out = tmp_path / "image.npy"
    flags = ["--engine", "integer", "--kernel", kernel, "--out", out]
    boards.bitprior(core, "recover", *problem, *flags)
    assert out.read_bytes() == expected


@pytest.mark.parametrize("instructions", ["scalar", "neon", "sdot"])
def test_every_set_of_native_kernels_gives_the_same_bytes(
    instructions, problem, expected, tmp_path
):
    out = tmp_path / "image.npy"
    flags = ["--engine", "integer", "--kernel", "native", "--out", out]
    boards.bitprior("cortex-a76", "recover", *problem, *flags, BITPRIOR_KERNEL=instructions)
    assert out.read_bytes() == expected


def test_kernels_a_core_has_no_instructions_for_are_refused_in_words(problem, tmp_path):
    flags = ["--engine", "integer", "--kernel", "native", "--out", tmp_path / "image.npy"]
    done = boards.bitprior(
        "cortex-a72", "recover", *problem, *flags, check=False, BITPRIOR_KERNEL="sdot"
    )
    assert done.returncode == 2
    assert "sdot" in done.stderr


@pytest.mark.parametrize("core", boards.CORES)
def test_the_float_engine_recovers_the_same_image_within_rounding(core, problem, tmp_path):
    bundle, y = problem
    out = tmp_path / "image.npy"
    boards.bitprior(core, "recover", bundle, y, "--steps", "10", "--out", out)
    here = load(bundle).recover(np.load(y), steps=10, kernel="numpy").image
    np.testing.assert_allclose(np.load(out), here, atol=1e-3)
