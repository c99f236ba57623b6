"""Artefacts for ONNX Runtime Training: real steps, in an environment of its own."""

import importlib.util
from dataclasses import replace

import numpy as np
import pytest

from bitprior_export.cuts import cut
from bitprior_export.errors import ExportError
from bitprior_export.graphs import build_gradient
from bitprior_export.graphs.training import FILES, PACKAGE, build_training_artefacts, is_available
from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.errors import CheckFailedError, UnwritableOutputError, UsageError
from bitprior_runtime.program import Node
from builders.bundles import tiny_bundle
from builders.sensing import conv_sensing
from builders.surgery import NETWORKS, random_weights

training = [
    pytest.mark.training,
    pytest.mark.skipif(not is_available(), reason=f"needs {PACKAGE}: make test-training"),
]
ROWS, STEPS = 3, 20


def mlp():
    bundle = tiny_bundle(3)
    return bundle.generator, bundle.sensing, 0.5


def dcgan():
    return NETWORKS["dcgan"](random_weights(4)), conv_sensing((3, 64, 64)), 1.0


def cut_dcgan():
    program = cut(NETWORKS["dcgan"](random_weights(1)), 2).program
    return program, conv_sensing((3, 64, 64)), 1e-3


def vae():
    return NETWORKS["vae"](random_weights(4)), conv_sensing((3, 128, 128)), 1.0


def cut_began():
    program = cut(NETWORKS["began"](random_weights(4)), 5).program
    return program, conv_sensing((3, 128, 128)), 1e-3


@pytest.mark.parametrize("network", [mlp, dcgan, cut_dcgan, vae, cut_began])
class TestSteps:
    pytestmark = training

    @pytest.fixture
    def made(self, network, tmp_path):
        """Open artefacts, the engine they must equal, a latent and measurements."""
        from onnxruntime.training.api import CheckpointState, Module, Optimizer

        generator, sensing, rate = network()
        paths = [str(p) for p in build_training_artefacts(generator, sensing, tmp_path, ROWS)]
        assert sorted(p.name for p in tmp_path.iterdir()) == sorted(FILES)
        state = CheckpointState.load_checkpoint(paths[3])
        module = Module(paths[0], state, paths[1])
        optimizer = Optimizer(paths[2], module)
        optimizer.set_learning_rate(rate)
        engine = FloatEngine(generator, sensing)
        ((size,),) = generator.inputs.values()
        rng = np.random.default_rng(0)
        z, other = (rng.standard_normal((ROWS, size), dtype=np.float32) for _ in range(2))
        # Halved: a residual of nearly equal numbers would be mostly rounding.
        return state, module, optimizer, engine, z, engine.sense(engine.generate(other)) / 2

    def test_only_the_latent_is_trainable(self, made):
        state, *_ = made
        trainable = [name for name, value in state.parameters if value.requires_grad]
        assert trainable == ["z"]

    def test_the_gradient_is_that_of_the_engine_and_of_the_gradient_graph(self, network, made):
        import onnxruntime

        state, module, _, engine, z, y = made
        state.parameters["z"].data = z
        module.train()
        loss = module(y)
        losses, expected = engine.value_and_grad(z, y)
        found = state.parameters["z"].grad
        assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()
        assert float(loss) == pytest.approx(losses.sum(), rel=1e-4)
        graph = build_gradient(*network()[:2], {}).SerializeToString()
        (other,) = onnxruntime.InferenceSession(graph).run(["gradient"], {"z": z, "y": y})
        assert np.abs(found - other).max() <= 1e-4 * np.abs(other).max()

    def test_its_steps_are_gradient_descent(self, network, made):
        state, module, optimizer, engine, z, y = made
        rate = network()[2]
        start = z
        state.parameters["z"].data = z
        module.train()
        for _ in range(STEPS):
            module(y)
            optimizer.step()
            module.lazy_reset_grad()
            z = z - np.float32(rate) * engine.value_and_grad(z, y)[1]
        found = state.parameters["z"].data
        assert np.abs(found - z).max() <= 1e-4 * np.abs(z).max()
        assert (engine.loss(found, y) < engine.loss(start, y)).all()
        assert np.abs(z - start).max() >= 1e-2 * np.abs(z).max()  # far more than the tolerance

    def test_the_evaluation_graph_has_the_same_loss(self, made):
        state, module, _, engine, z, y = made
        state.parameters["z"].data = z
        module.eval()
        assert float(module(y)) == pytest.approx(engine.loss(z, y).sum(), rel=1e-4)


@pytest.mark.training
@pytest.mark.skipif(not is_available(), reason=f"needs {PACKAGE}: make test-training")
def test_an_op_without_a_gradient_there_is_named_and_nothing_is_written(tmp_path):
    bundle = tiny_bundle(4)
    nodes = [*bundle.generator.nodes[:-1], Node("Selu", ("pixels",), "selu")]
    nodes.append(Node("Reshape", ("selu",), "x", {"shape": (1, 2, 3)}))
    with pytest.raises(ExportError, match="Selu"):
        build_training_artefacts(replace(bundle.generator, nodes=nodes), bundle.sensing, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.training
@pytest.mark.skipif(not is_available(), reason=f"needs {PACKAGE}: make test-training")
def test_a_gradient_that_is_not_the_engines_stops_the_export(tmp_path, monkeypatch):
    true = FloatEngine.value_and_grad

    def slightly_wrong(engine, z, y):
        loss, gradient = true(engine, z, y)
        return loss, 1.001 * gradient

    monkeypatch.setattr(FloatEngine, "value_and_grad", slightly_wrong)
    bundle = tiny_bundle(4)
    with pytest.raises(CheckFailedError, match="gradient"):
        build_training_artefacts(bundle.generator, bundle.sensing, tmp_path)
    assert not list(tmp_path.iterdir())


def test_without_the_package_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    bundle = tiny_bundle(4)
    with pytest.raises(UsageError, match=PACKAGE):
        build_training_artefacts(bundle.generator, bundle.sensing, tmp_path)
    assert not list(tmp_path.iterdir())


def test_rows_and_folder_are_checked_first(tmp_path):
    bundle = tiny_bundle(4)
    with pytest.raises(UsageError, match="rows"):
        build_training_artefacts(bundle.generator, bundle.sensing, tmp_path, rows=0)
    with pytest.raises(UnwritableOutputError):
        build_training_artefacts(bundle.generator, bundle.sensing, tmp_path / "none")
