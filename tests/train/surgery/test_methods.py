"""What Generator Surgery and its relatives recover."""

from math import sqrt

import numpy as np
import pytest
import torch

from bitprior_runtime.errors import UsageError
from bitprior_train.surgery.generator_surgery import GeneratorSurgery, UntrainedSurgery, recovered
from bitprior_train.surgery.inits import INITS, start_latents
from bitprior_train.surgery.intermediate import RADII, IntermediateLayers
from bitprior_train.surgery.operators import Identity
from bitprior_train.surgery.problem import Problem, measure
from builders.priors import GEOMETRY, LATENT


def error_of(images: torch.Tensor, truth: torch.Tensor) -> float:
    return float((images - truth).square().mean())


def test_the_whole_prior_finds_its_own_images(cut_prior, truth) -> None:
    method = GeneratorSurgery(cut_prior("dcgan", 0), lr=1.0, iterations=60, line_search=True)
    found = method.recover(measure(Identity(GEOMETRY), truth, 0, noise=0), seed=0, restarts=3)
    assert method.name == "CSGM"
    assert found.variables == LATENT
    assert error_of(found.images, truth) < 1e-4


@pytest.mark.parametrize("init", INITS)
def test_a_cut_prior_explains_the_measurements_from_every_start(
    cut_prior, problem: Problem, truth, init: str
) -> None:
    generator = cut_prior("dcgan", 1)
    method = GeneratorSurgery(generator, 1.0, 30, True, init, first_guess=lambda _: truth)
    found = method.recover(problem, seed=0, restarts=2)
    start = start_latents("zero", 3, generator.variables, 0, 1)[0]
    assert (found.losses < 0.3 * recovered(generator, problem, start).losses).all()
    assert method.name == "GS"
    assert (method.settings["cut"], method.settings["init"]) == (1, init)
    assert found.images.shape == (3, *GEOMETRY)
    assert found.variables == generator.variables


def test_more_restarts_only_lower_the_loss(cut_prior, problem: Problem) -> None:
    method = GeneratorSurgery(cut_prior("dcgan", 1), 0.1, 5)
    one, three = (method.recover(problem, seed=0, restarts=n) for n in (1, 3))
    assert (three.losses <= one.losses + 1e-6).all()
    assert (three.losses < 0.99 * one.losses).any()


def test_a_diverged_restart_never_wins(cut_prior, problem: Problem) -> None:
    generator = cut_prior("dcgan", 1)
    z = np.full((3, generator.variables), np.nan, dtype=np.float32)
    found = recovered(generator, problem, z)
    assert not found.images.any()
    assert torch.equal(found.losses, problem.y.square().mean(dim=1))


def test_starts_differ_as_their_names_say() -> None:
    spread = {init: start_latents(init, 2, 2000, 0, 2).std() for init in INITS}
    assert spread["zero"] == 0
    assert spread["normal-10"] == pytest.approx(10, rel=0.05)
    assert spread["normal-5"] == pytest.approx(5, rel=0.05)
    assert spread["clamped-normal"] == spread["lasso-inverse"] == pytest.approx(0.72, rel=0.05)


def test_an_unknown_init_is_refused(cut_prior) -> None:
    with pytest.raises(UsageError, match="out of clamped-normal"):
        GeneratorSurgery(cut_prior("dcgan", 1), 0.1, 1, init="ones")
    with pytest.raises(UsageError, match="first guess"):
        GeneratorSurgery(cut_prior("dcgan", 1), 0.1, 1, init="lasso-inverse")


def test_untrained_weights_are_new_for_every_image_and_the_same_in_every_call(
    cut_prior, problem: Problem
) -> None:
    drawn: list[float] = []

    def draw():
        drawn.append(float(torch.rand(())))
        return cut_prior("dcgan", 1)

    method = UntrainedSurgery(draw, 0.1, 3)
    made = len(drawn)  # one to learn its cut
    first, second = (method.recover(problem, seed=0, restarts=2) for _ in range(2))
    assert len(set(drawn[made : made + 3])) == 3
    assert drawn[made : made + 3] == drawn[made + 3 :]
    assert torch.equal(first.images, second.images)
    assert first.losses.shape == (3,)


def test_untrained_recovery_of_one_image_is_that_of_surgery(cut_prior, problem: Problem) -> None:
    untrained = UntrainedSurgery(lambda: cut_prior("dcgan", 1), 0.1, 4)
    known = GeneratorSurgery(cut_prior("dcgan", 1), 0.1, 4)
    found, expected = (each.recover(problem, seed=0, restarts=2) for each in (untrained, known))
    torch.testing.assert_close(found.images, expected.images, rtol=1e-3, atol=1e-4)


def test_intermediate_layers_stay_within_the_radius(cut_prior, problem: Problem, truth) -> None:
    whole, rest = cut_prior("dcgan", 0), cut_prior("dcgan", 1)
    method = IntermediateLayers(whole, rest, truth, 0.1, 5, adam_steps=5, radius=0.01)
    (centre,) = method._centres(problem, seed=0, restarts=1)
    seen: list[torch.Tensor] = []
    rest.register_forward_pre_hook(lambda _, args: seen.append(args[0].detach().clone()))
    method.recover(problem, seed=0, restarts=1)
    distances = [(z - centre).norm(dim=1).max() for z in seen]
    longest = 0.01 * sqrt(rest.variables)
    assert distances[0] == 0
    assert 0.5 * longest < max(distances) <= longest * 1.001
    assert method.settings["radius"] == 0.01


def test_a_radius_is_chosen_on_validation_images(cut_prior, problem: Problem, truth) -> None:
    whole, rest = cut_prior("dcgan", 0), cut_prior("dcgan", 1)
    method = IntermediateLayers(whole, rest, truth, 0.1, 5, adam_steps=10)
    found = method.recover(problem, seed=0, restarts=1)
    assert method.settings["radius"] in RADII
    assert method.settings["radius_from"] == "3 validation images"
    csgm = GeneratorSurgery(whole, 0.1, 5).recover(problem, seed=0, restarts=1)
    assert found.losses.mean() < csgm.losses.mean()
