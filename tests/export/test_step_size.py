"""A step size for networks nobody trained one for."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bitprior_export.step_size import find_step_size
from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.errors import CheckFailedError
from bitprior_runtime.program import Node, Program
from bitprior_runtime.solvers import ProximalOptions, proximal
from bitprior_runtime.tensors import FloatTensor

SIZE = 6


def engine(matrix: NDArray[np.float32], kind: type[FloatEngine] = FloatEngine) -> FloatEngine:
    generator = Program(
        "generator",
        {"z": (SIZE,)},
        "x",
        (Node("MatMul", ("z", "w"), "p"), Node("Reshape", ("p",), "x", {"shape": (1, 2, 3)})),
        {"w": FloatTensor(matrix)},
    )
    sensing = Program("sensing", {"x": (1, 2, 3)}, "y", (Node("Flatten", ("x",), "y"),), {})
    return kind(generator, sensing)


def problem(
    scale: float, kind: type[FloatEngine] = FloatEngine
) -> tuple[FloatEngine, NDArray[np.float32], NDArray[np.float32]]:
    rng = np.random.default_rng(0)
    made = engine(np.float32(scale) * rng.standard_normal((SIZE, SIZE), dtype=np.float32), kind)
    hidden, start = rng.standard_normal((2, 5, SIZE), dtype=np.float32)
    return made, made.sense(made.generate(hidden)), start


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_every_loss_falls_whatever_the_scale_of_the_network(scale: float) -> None:
    made, y, start = problem(scale)
    beta = find_step_size(made, y, start)
    history = proximal(made, y, start, ProximalOptions(50, beta)).history
    assert (np.diff(history, axis=0) <= 1e-6 * history[:-1]).all()
    assert (history[-1] < 0.5 * history[0]).all()


def test_the_step_is_not_smaller_than_it_must_be() -> None:
    made, y, start = problem(1.0)
    beta = find_step_size(made, y, start)
    with np.errstate(all="ignore"):  # some losses rise beyond all measure
        history = proximal(made, y, start, ProximalOptions(50, 8 * beta)).history
        assert not (np.diff(history, axis=0) <= 0).all()


def test_a_network_that_ignores_its_latent_has_no_step() -> None:
    made = engine(np.zeros((SIZE, SIZE), np.float32))
    ones = np.ones((2, SIZE), np.float32)
    with pytest.raises(CheckFailedError, match="gradients of squared length 0"):
        find_step_size(made, ones, ones)


def test_a_gradient_that_leads_uphill_has_no_step() -> None:
    class Wrong(FloatEngine):
        def value_and_grad(
            self, z: NDArray[Any], y: NDArray[Any]
        ) -> tuple[NDArray[Any], NDArray[Any]]:
            loss, gradient = super().value_and_grad(z, y)
            return loss, -gradient

    with pytest.raises(CheckFailedError, match="no step down"):
        find_step_size(*problem(1.0, Wrong))
