"""The check of the gradient finds an error in any entry of a latent, small or large."""

import numpy as np
import pytest

from bitprior_export import program_check
from bitprior_export.program_check import MAX_AXES, check_gradient
from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.errors import CheckFailedError
from builders.integers import around, chain


def _problem(size: int) -> tuple:
    generator, sensing = around(chain((size,), ("Tanh", (), {})))
    rng = np.random.default_rng(0)
    z = rng.standard_normal((2, size)).astype(np.float32)
    y = FloatEngine(generator, sensing).sense(FloatEngine(generator, sensing).generate(z + 0.1))
    return generator, sensing, z, y


@pytest.mark.parametrize("size", [6, MAX_AXES + 44])
def test_a_right_gradient_passes(size: int) -> None:
    assert check_gradient(*_problem(size)) < 1e-6


@pytest.mark.parametrize("size", [6, MAX_AXES + 44])
@pytest.mark.parametrize("entry", [0, 3, -1])
def test_a_wrong_entry_is_found_wherever_it_is(
    monkeypatch: pytest.MonkeyPatch, size: int, entry: int
) -> None:
    class Wrong(FloatEngine):
        def value_and_grad(self, z: np.ndarray, y: np.ndarray) -> tuple:
            loss, gradient = super().value_and_grad(z, y)
            gradient[:, entry] += 0.1 * np.abs(gradient).max()
            return loss, gradient

    monkeypatch.setattr(program_check, "FloatEngine", Wrong)
    with pytest.raises(CheckFailedError, match="central differences"):
        check_gradient(*_problem(size))
