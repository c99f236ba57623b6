"""Emulated arm64 boards: the command line of the built wheel under qemu-user."""

import os
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


def missing():
    """Say what is not there, or nothing."""
    if shutil.which(EMULATOR) is None:
        return f"{EMULATOR} is not installed: run make test-arm"
    if not (FOLDER / "dist").is_dir():
        return "no arm64 Python in .arm: run make test-arm"
    return ""


def bitprior(core, *arguments, check=True, **variables):
    """Run a verb of the wheel on an emulated core."""
    sysroot = FOLDER / "sysroot"
    done = subprocess.run(
        [EMULATOR, "-cpu", core, "-L", sysroot, sysroot / "usr/bin/python3.11"]
        + ["-m", "bitprior_runtime"]
        + [str(argument) for argument in arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(FOLDER / "site"), "OPENBLAS_NUM_THREADS": "1"}
        | variables,
        check=False,
    )
    if check:
        assert done.returncode == 0, done.stdout + done.stderr
    return done
