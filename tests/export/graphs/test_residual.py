"""A generator of residual blocks: image and gradient equal torch's, in numpy and as ONNX."""

import numpy as np
import onnxruntime
import pytest
import torch

from bitprior_export.graphs import build_gradient
from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.program import Node, Program
from bitprior_runtime.tensors import FloatTensor
from builders.residual import IMAGE, LATENT, program, reference

MEASUREMENTS = 20
MATRIX = np.random.default_rng(5).standard_normal((int(np.prod(IMAGE)), MEASUREMENTS)) / 16


def sensing():
    nodes = [Node("Flatten", ("x",), "flat"), Node("MatMul", ("flat", "A"), "y")]
    tensors = {"A": FloatTensor(MATRIX.astype(np.float32))}
    return Program("sensing", {"x": IMAGE}, "y", nodes, tensors)


def drawn(dtype, batch=3):
    rng = np.random.default_rng(4)
    z, y = rng.standard_normal((batch, LATENT)), rng.standard_normal((batch, MEASUREMENTS))
    return z.astype(dtype), y.astype(dtype)


def in_torch(z, y):
    """Return loss, gradient and image by autograd."""
    latent = torch.tensor(z, requires_grad=True)
    matrix = torch.tensor(MATRIX.astype(np.float32)).to(latent.dtype)
    image = reference(latent)
    loss = (image.flatten(1) @ matrix - torch.tensor(y)).square().sum(1)
    loss.sum().backward()
    return loss.detach().numpy(), latent.grad.numpy(), image.detach().numpy()


@pytest.mark.parametrize(("dtype", "error"), [(np.float32, 1e-5), (np.float64, 1e-12)])
def test_loss_gradient_and_image_in_numpy_equal_torch(dtype, error):
    z, y = drawn(dtype)
    loss, gradient, image = in_torch(z, y)
    engine = FloatEngine(program(), sensing(), dtype)
    found = engine.value_and_grad(z, y)
    np.testing.assert_allclose(engine.generate(z), image, rtol=0, atol=error)
    np.testing.assert_allclose(found[0], loss, rtol=error)
    np.testing.assert_allclose(found[1], gradient, rtol=0, atol=error * np.abs(gradient).max())


@pytest.mark.parametrize("batch", [1, 3])
def test_the_gradient_graph_equals_torch_for_any_batch(batch):
    z, y = drawn(np.float32, batch)
    loss, gradient, image = in_torch(z, y)
    model = build_gradient(program(), sensing(), {})
    session = onnxruntime.InferenceSession(model.SerializeToString())
    found = dict(
        zip(("loss", "gradient", "image"), session.run(None, {"z": z, "y": y}), strict=True)
    )
    np.testing.assert_allclose(found["image"], image, rtol=0, atol=1e-5)
    np.testing.assert_allclose(found["loss"], loss, rtol=1e-5)
    error = np.abs(found["gradient"] - gradient).max()
    assert error <= 1e-5 * np.abs(gradient).max()
