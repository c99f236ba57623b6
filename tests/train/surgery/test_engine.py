"""L-BFGS on torch generators: the paper's, image by image."""

import numpy as np
import pytest
import torch

from bitprior_train.surgery.engine import Descent, TorchEngine, minimise
from bitprior_train.surgery.inits import start_latents
from bitprior_train.surgery.problem import Problem


def torch_trajectory(generator, problem, z0, lr, outer):
    """Recover one image as the paper's code does."""
    z = torch.from_numpy(z0.copy()).requires_grad_()
    optimiser = torch.optim.LBFGS([z], lr=lr)

    def closure():
        optimiser.zero_grad()
        loss = (problem.operator(generator(z)) - problem.y).square().mean()
        loss.backward()
        return loss

    for _ in range(outer):
        optimiser.step(closure)
    return z.detach().numpy()


@pytest.mark.parametrize(("kind", "c", "lr"), [("dcgan", 1, 0.1), ("vae", 1, 1.0), ("began", 2, 1)])
def test_each_image_goes_the_way_of_torch(cut_prior, problem: Problem, kind, c, lr) -> None:
    generator = cut_prior(kind, c).double()  # or rounding would part them in 40 steps
    problem.operator.matrix = problem.operator.matrix.double()
    problem = Problem(problem.operator, problem.y.double())
    z0 = start_latents("clamped-normal", 3, generator.variables, 0, 1)[0].astype(np.float64)
    found = minimise(generator, problem, z0, Descent(lr, 40))
    for row in range(3):
        one = Problem(problem.operator, problem.y[row : row + 1])
        expected = torch_trajectory(generator, one, z0[row : row + 1], lr, outer=2)
        moved = np.abs(expected - z0[row : row + 1]).max()
        assert moved > 1e-3
        assert np.abs(found[row : row + 1] - expected).max() < 1e-6 * moved


def test_the_loss_is_the_mean_over_measurements_of_each_row(cut_prior, problem: Problem) -> None:
    generator = cut_prior("dcgan", 2)
    engine, y = TorchEngine(generator, problem.operator), problem.y.numpy()
    z = start_latents("zero", 3, generator.variables, 0, 1)[0]
    x = engine.generate(z)
    expected = np.square(engine.sense(x) - y).mean(axis=1)
    f, grad = engine.value_and_grad(z, y)
    np.testing.assert_allclose(engine.loss(z, y), expected, rtol=1e-5)
    np.testing.assert_allclose(f, expected, rtol=1e-5)
    step = 1e-2 * grad / np.linalg.norm(grad, axis=1, keepdims=True)
    change = (engine.loss(z + step, y) - engine.loss(z - step, y)) / 2
    np.testing.assert_allclose(change, (grad * step).sum(axis=1), rtol=0.05)


def test_a_diverging_row_leaves_the_others_alone(cut_prior, problem: Problem) -> None:
    generator = cut_prior("began", 2)  # an ELU at the end: nothing bounds its images
    z0 = start_latents("clamped-normal", 3, generator.variables, 0, 1)[0]
    alone = minimise(generator, problem, z0, Descent(0.1, 5))
    z0[1] = 1e30
    found = minimise(generator, problem, z0, Descent(0.1, 5))
    np.testing.assert_allclose(found[[0, 2]], alone[[0, 2]], rtol=1e-3, atol=1e-5)
