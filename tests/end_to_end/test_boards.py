"""The wheel on emulated cores: its tests pass, and the integer engine gives the same bytes."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

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
FORCED = ("scalar", "neon", "sdot")


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


@pytest.fixture(scope="module")
def recovered(tmp_path_factory):
    """The folder of the files that commands write, each named by its test."""
    return tmp_path_factory.mktemp("recovered")


@pytest.fixture(scope="module")
def ended(problem, recovered):
    """Futures of all runs, by name: two run at a time, the long ones first."""

    def recover(kernel, name):
        out = ["--out", recovered / f"{name}.npy"]
        return ["recover", *problem, "--engine", "integer", "--kernel", kernel, *out]

    pool = ThreadPoolExecutor(2)
    runs = {f"tests {core}": pool.submit(boards.runtime_tests, core) for core in boards.CORES}
    for core in boards.CORES:
        runs[f"verify {core}"] = pool.submit(boards.bitprior, core, "verify", problem[0])
        runs[core] = pool.submit(boards.bitprior, core, *recover("native", core))
    runs["numpy"] = pool.submit(boards.bitprior, "cortex-a53", *recover("numpy", "numpy"))
    for core, name in [*(("cortex-a76", forced) for forced in FORCED), ("cortex-a72", "refused")]:
        kernel = {"BITPRIOR_KERNEL": "sdot" if name == "refused" else name}
        runs[name] = pool.submit(boards.bitprior, core, *recover("native", name), **kernel)
    out = ["--steps", "10", "--out", recovered / "float.npy"]
    runs["float"] = pool.submit(boards.bitprior, "cortex-a72", "recover", *problem, *out)
    yield runs
    pool.shutdown(cancel_futures=True)


def ran(run):
    """Wait for a run that has to succeed; return what it printed."""
    done = run.result()
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("core", boards.CORES)
def test_the_tests_of_the_runtime_pass_on_every_core(core, ended, capsys):
    counts = boards.counts(ran(ended[f"tests {core}"]))
    with capsys.disabled():
        print(f" {core}: {counts}", end=" ")
    assert set(counts) <= {"passed", "deselected"}
    assert counts["passed"] > boards.LEAST_TESTS


@pytest.mark.parametrize("core", boards.CORES)
def test_the_golden_cases_replay_on_every_core(core, ended):
    assert "Verified" in ran(ended[f"verify {core}"])


@pytest.fixture(scope="module")
def expected(problem, tmp_path_factory):
    """What the numpy kernels of the integer engine recover on this machine, as a file."""
    out = tmp_path_factory.mktemp("here") / "image.npy"
    recover = ["recover", *problem, "--engine", "integer", "--kernel", "numpy", "--out", out]
    run = [sys.executable, "-m", "bitprior_runtime", *map(str, recover)]
    subprocess.run(run, check=True, capture_output=True)
    return out.read_bytes()


@pytest.mark.parametrize("name", [*boards.CORES, "numpy", *FORCED])
def test_the_integer_engine_recovers_the_same_bytes_on_every_core_and_kernel(
    name, ended, expected, recovered
):
    ran(ended[name])
    assert (recovered / f"{name}.npy").read_bytes() == expected


def test_kernels_a_core_has_no_instructions_for_are_refused_in_words(ended):
    done = ended["refused"].result()
    assert done.returncode == 2
    assert "sdot" in done.stderr


def test_the_float_engine_recovers_the_same_image_within_rounding(ended, problem, recovered):
    ran(ended["float"])
    bundle, y = problem
    here = load(bundle).recover(np.load(y), steps=10, kernel="numpy").image
    np.testing.assert_allclose(np.load(recovered / "float.npy"), here, atol=1e-3)
