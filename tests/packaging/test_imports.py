"""The runtime stays light: what it imports, how long that takes, how much memory."""

import json
import subprocess
import sys

import pytest

HEAVY = ("torch", "brevitas", "onnx", "onnxruntime", "matplotlib", "cv2", "typer", "rich", "scipy")
CODE = """
import json, sys, time  # processor time: other work on the machine is not its own
start = time.process_time()
import numpy, numpy.fft, numpy.random, safetensors  # what it stands on is not its own weight
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096
before, begin = resident(), time.process_time()
import {package}
share = (time.process_time() - begin) / (begin - start)
print(json.dumps([sorted(sys.modules), share, resident() - before]))
"""


def imported(package):
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(package=package)],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("package", ["bitprior_runtime", "bitprior_devices"])
def test_importing_a_board_package_loads_nothing_heavy(package):
    modules, _, _ = imported(package)
    assert not [name for name in modules if name.split(".")[0] in HEAVY]


@pytest.mark.parametrize("package", ["bitprior_train", "bitprior_export"])
def test_importing_a_host_package_loads_no_torch_and_no_onnx(package):
    modules, _, _ = imported(package)
    assert not {"torch", "onnx", "brevitas"} & set(modules)


def test_importing_the_runtime_takes_under_twice_the_time_of_numpy_and_40_mb():
    # A share, as machines and their other work differ: 0.6 to 1.2 where this was written.
    runs = [imported("bitprior_runtime") for _ in range(5)]
    assert min(share for _, share, _ in runs) < 2
    assert min(memory for _, _, memory in runs) < 40e6


def test_the_runtime_imports_no_other_house():
    modules, _, _ = imported("bitprior_runtime")
    assert not [name for name in modules if name.startswith(("bitprior_train", "bitprior_export"))]
