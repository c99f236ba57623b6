"""recover.onnx outside Python: onnxruntime-web recovers the same image as numpy."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bitprior_export.graphs import StepRule, build_recover
from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.program import Program
from bitprior_runtime.solvers import ProximalOptions, proximal
from builders import convolutional
from builders.bundles import tiny_bundle

SOURCE = Path(__file__).parent / "javascript"
STEPS = 15

pytestmark = [
    pytest.mark.node,
    pytest.mark.skipif(not shutil.which("npm"), reason="npm is not installed"),
]


@pytest.fixture(scope="module")
def javascript() -> Iterator[Path]:
    """A folder with recover.mjs and what it imports; it is large, and does not stay."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(SOURCE, folder, dirs_exist_ok=True)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        yield folder


def mlp(bits: int, tmp_path: Path) -> tuple[Program, Program]:
    bundle = tiny_bundle(bits=bits)
    return bundle.generator, bundle.sensing


def dcgan(bits: int, tmp_path: Path) -> tuple[Program, Program]:
    generator = convolutional.translated(
        convolutional.generator(bits), tmp_path / "g.onnx", "generator"
    )
    sensing = convolutional.translated(convolutional.sensing(), tmp_path / "s.onnx", "sensing")
    return generator.program, sensing.program


@pytest.mark.parametrize(("prior", "bits"), [(mlp, 1), (dcgan, 4)])
def test_onnxruntime_in_javascript_recovers_the_image_that_numpy_does(
    tmp_path, javascript, prior, bits
):
    generator, sensing = prior(bits, tmp_path)
    ((k,),) = generator.inputs.values()
    engine, rng = FloatEngine(generator, sensing), np.random.default_rng(0)
    truth = rng.standard_normal((2, k)).astype(np.float32)
    y, z0 = engine.sense(engine.generate(truth)), np.float32(0.5) * truth
    expected = proximal(engine, y, z0, ProximalOptions(STEPS, 0.02, k - 1))
    model = build_recover(generator, sensing, StepRule(k - 1), {})
    (tmp_path / "recover.onnx").write_bytes(model.SerializeToString())
    problem = {"y": y.tolist(), "z0": z0.tolist(), "beta": 0.02, "max_steps": STEPS, "tolerance": 0}
    (tmp_path / "problem.json").write_text(json.dumps(problem))
    command = [
        "node",
        "recover.mjs",
        str(tmp_path / "recover.onnx"),
        str(tmp_path / "problem.json"),
    ]
    done = subprocess.run(command, cwd=javascript, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    image = engine.generate(expected.latent)
    assert np.abs(image - engine.generate(z0)).max() > 1e-2  # the recovery went somewhere
    np.testing.assert_allclose(found["image"], image.ravel(), atol=1e-4)
    np.testing.assert_allclose(found["z"], expected.latent.ravel(), atol=1e-4)
    np.testing.assert_allclose(found["loss"], expected.loss, rtol=1e-3)
