"""Emulated arm64 cores: the built wheel's command line, and its tests, under qemu-user."""

import os
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".arm"
EMULATOR = "qemu-aarch64-static"
# Core -> boards it stands for, and the fastest native kernels it can run.
CORES = {
    "cortex-a53": "neon",  # Raspberry Pi 3, Zero 2 W
    "cortex-a72": "neon",  # Raspberry Pi 4
    "cortex-a76": "sdot",  # Raspberry Pi 5, nearest to Jetson Orin
}
ENGINE_TESTS = ("float_engine", "registry", "selection")
TESTS = (
    *("tests/runtime/kernels", "tests/runtime/integer"),
    *(f"tests/runtime/engines/test_{name}.py" for name in ENGINE_TESTS),
)
# Left out there, by parts of their names.
LEFT_OUT = (
    # What starts a Python of its own: the kernel here cannot start an arm64 program.
    *("loaded_only_when_asked_for", "works_on_without_its_parents_threads"),
    # What measures memory: the emulator's is included.
    *("leave_nothing_behind", "end_with_their_objects"),
    # What takes longest on an emulated core.
    *("long_products_are_right", "every_second_position", "transposed_convolutions_are_right"),
    *("add_up_to_29_bits", "shifted_by_the_fewest_bits", "requantised_as_exact_fractions"),
    *("ops_in_integers", "words_hold_the_integers"),
    "(convolutions_are_right and 300)",
    "(test_every_op_with_an_integer_form and 16)",
    # Portable C: its source is the one that x86-64 compiles, and the recovered bytes show it right.
    "scalar",
)
LEAST_TESTS = 400


def missing():
    """Say what is not there, or nothing."""
    if shutil.which(EMULATOR) is None:
        return f"{EMULATOR} is not installed: run make test-arm"
    if not (FOLDER / "dist").is_dir():
        return "no arm64 Python in .arm: run make test-arm"
    return ""


def bitprior(core, *arguments, **variables):
    """Run a verb of the wheel on an emulated core."""
    return _python(core, "-m", "bitprior_runtime", *arguments, **variables)


def runtime_tests(core):
    """Run the runtime's tests on an emulated core, with pytest there and the wheel's packages."""
    words = ["-m", "pytest", "-p", "no:cacheprovider", "-q", *TESTS, "-m", "not arm"]
    return _python(core, *words, "-k", " and ".join(f"not {name}" for name in LEFT_OUT))


def counts(printed):
    """Return how many tests passed, failed, ... by the last line of pytest's report."""
    last = printed.strip().splitlines()[-1]
    return {word: int(number) for number, word in re.findall(r"(\d+) ([a-z]+)(?=,| in )", last)}


def _python(core, *words, **variables):
    sysroot = FOLDER / "sysroot"
    site = os.pathsep.join(str(FOLDER / name) for name in ("site", "pytest"))
    environment = {"PYTHONPATH": site, "OPENBLAS_NUM_THREADS": "1", **variables}
    return subprocess.run(
        [EMULATOR, "-cpu", core, "-L", sysroot, sysroot / "usr/bin/python3.11", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment},
        check=False,
    )
