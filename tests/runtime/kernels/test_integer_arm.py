"""The integer kernels on emulated ARM cores: cross-compiled, the bits of numpy on x86-64."""

import importlib.util
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from bitprior_runtime.engines.integer_engine import IntegerEngine
from bitprior_runtime.solvers import ProximalOptions
from builders import integer_self_test as written
from builders.integers import ranges
from builders.random_networks import convolutional, perceptron

ROOT = Path(__file__).parents[3]
COMPILER, EMULATOR = "aarch64-linux-gnu-gcc", "qemu-aarch64-static"
MISSING = [tool for tool in (COMPILER, EMULATOR) if shutil.which(tool) is None]

pytestmark = [
    pytest.mark.arm,
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
]


def _engine(rng, networks, rows, activation_bits, momentum):
    generator, sensing = networks
    ((*_, shape),) = (tuple(generator.inputs.values()),)
    z, other, known = (
        rng.standard_normal((count, *shape)).astype(np.float32) for count in (rows, rows, 8)
    )
    reference = IntegerEngine(
        generator, sensing, ranges(generator, sensing, known, activation_bits)
    )
    y = reference.sense(reference.generate(other))
    options = ProximalOptions(6, 0.05, 3, 0.01, momentum=momentum)
    return written.engine(reference, z, y, options)


def _cases():
    rng = np.random.default_rng(20)
    sizes = (1, 7, 8, 9, 15, 16, 17, 63, 64, 65)
    made = [
        written.product(
            rng, bits, *rng.choice(sizes, 2), int(rng.integers(1, 6)), int(rng.integers(2))
        )
        for bits in (1, 2, 3, 4, 8)
        for _ in range(100)
    ]
    made += [
        written.requantise(rng, size, limit) for size in sizes for limit in (127, 32767, 1 << 24)
    ]
    for activation_bits in (8, 16):
        for bits, grid in ((1, "binary"), (2, "mid-rise"), (3, "narrow"), (4, "wide")):
            perceptrons = (
                perceptron(rng, "generator", "z", "x", (9, 33, 17), bits, grid),
                perceptron(rng, "sensing", "x", "y", (17, 20, 5), 32),
            )
            for networks in (perceptrons, convolutional(rng, bits, grid)):
                made.append(_engine(rng, networks, 3, activation_bits, bits % 2 == 0))
    return written.number(len(made)) + b"".join(made)


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """Return the cross-compiled self-test, beside the library a board would get."""
    folder = tmp_path_factory.mktemp("arm")
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    build = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CC", COMPILER)
        spec.loader.exec_module(build)
        build.build_library(folder / "_native.so", build.STRICT)
    subprocess.run(
        [
            *(COMPILER, "-std=c11", "-O1", *build.STRICT, "-I", str(ROOT / "runtime/native")),
            *(str(Path(__file__).with_name("integer_self_test.c")), str(folder / "_native.so")),
            *("-Wl,-rpath,$ORIGIN", "-o", str(folder / "self_test")),
        ],
        check=True,
    )
    (folder / "cases").write_bytes(_cases())
    return folder / "self_test"


@pytest.mark.parametrize(
    ("core", "expected"),
    [
        ("cortex-a53", ["scalar", "neon"]),
        ("cortex-a72", ["scalar", "neon"]),
        ("cortex-a76", ["scalar", "neon", "sdot"]),
    ],
)
def test_a_core_gives_numpys_bits_on_every_path_it_has(program, core, expected):
    command = [EMULATOR, "-cpu", core, "-L", "/usr/aarch64-linux-gnu", program]
    done = subprocess.run(
        [*command, program.with_name("cases")], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == expected
