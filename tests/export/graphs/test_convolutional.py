"""gradient.onnx of a DCGAN-32 behind its sensing network: the same as numpy's and torch's."""

import numpy as np
import onnxruntime
import pytest

from bitprior_export.graphs import build_gradient
from bitprior_export.program_check import check_gradient
from bitprior_runtime.engines import FloatEngine
from bitprior_train.reference import value_and_grad
from builders.convolutional import generator, images, latents, sensing, translated


@pytest.mark.parametrize("granularity", ["channel", "tensor"])
@pytest.mark.parametrize("bits", [1, 2, 3, 4, 32])
def test_the_gradient_graph_equals_the_float_engine_and_torch(tmp_path, bits, granularity):
    drawn, sensed = generator(bits, granularity), sensing()
    first = translated(drawn, tmp_path / "g.onnx", "generator").program
    second = translated(sensed, tmp_path / "s.onnx", "sensing").program
    z = latents(3, seed=11)
    y = sensed(images(3, seed=12)).detach()
    expected, slopes = (t.detach().numpy() for t in value_and_grad(drawn, sensed, z, y))
    engine = FloatEngine(first, second)
    model = build_gradient(first, second, {})
    session = onnxruntime.InferenceSession(model.SerializeToString())
    loss, gradient, image = session.run(None, {"z": z.numpy(), "y": y.numpy()})
    np.testing.assert_allclose(image, drawn(z).detach().numpy(), atol=1e-5)
    found = engine.value_and_grad(z.numpy(), y.numpy())
    for ours in ((loss, gradient), found):
        np.testing.assert_allclose(ours[0], expected, rtol=1e-4)
        np.testing.assert_allclose(ours[1], slopes, atol=1e-4 * np.abs(slopes).max())
    scale = np.abs(found[1]).max()
    np.testing.assert_allclose(gradient, found[1], atol=1e-5 * scale)
    np.testing.assert_allclose(loss, found[0], rtol=1e-5)


@pytest.mark.parametrize("bits", [1, 4])
def test_the_gradient_is_that_of_central_differences(tmp_path, bits):
    drawn, sensed = generator(bits), sensing()
    first = translated(drawn, tmp_path / "g.onnx", "generator").program
    second = translated(sensed, tmp_path / "s.onnx", "sensing").program
    y = sensed(images(2)).detach().numpy()
    assert check_gradient(first, second, latents(2).numpy(), y) < 1e-5
