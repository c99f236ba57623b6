"""Tiny priors, cut, and problems for them."""

from collections.abc import Callable

import pytest
import torch

from bitprior_train.priors.config import Kind
from bitprior_train.surgery.cuts import CutGenerator, cut
from bitprior_train.surgery.operators import Gaussian
from bitprior_train.surgery.problem import Problem, measure
from builders.priors import GEOMETRY, LATENT, tiny_generator


@pytest.fixture
def cut_prior() -> Callable[[Kind, int], CutGenerator]:
    """Makes a tiny prior, cut; always the same."""

    def make(kind: Kind, c: int) -> CutGenerator:
        return cut(tiny_generator(kind).requires_grad_(False), kind, c)

    return make


@pytest.fixture
def truth() -> torch.Tensor:
    """Three images that the tiny DCGAN can show."""
    z = torch.randn(3, LATENT, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return tiny_generator("dcgan")(z)


@pytest.fixture
def problem(truth: torch.Tensor) -> Problem:
    """Those, measured with little noise."""
    return measure(Gaussian(GEOMETRY, 40), truth, seed=0, noise=1e-3)
