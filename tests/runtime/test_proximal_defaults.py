"""What a bundle decides of a solver's options."""

import pytest

from bitprior_runtime.bundle import FistaDefaults, SolverDefaults
from bitprior_runtime.proximal_defaults import bundle_options, loop_options, proximal_options
from bitprior_runtime.solvers import ProximalOptions
from bitprior_runtime.solvers.choice import SOLVERS, choose
from bitprior_runtime.solvers.momentum import SHARE

TRAINED = SolverDefaults(0.01, 50, sparsity=7)
CHOSEN = SolverDefaults(0.01, 30, sparsity=7, name="fista", fista=FistaDefaults(0.003))


def options(defaults, solver):
    return choose(solver, bundle_options(defaults, solver), {}).options


def test_proximal_by_name_is_the_papers_recovery_whatever_the_bundles_solver():
    paper = ProximalOptions(50, 0.01, 7)
    assert options(TRAINED, "proximal") == paper
    assert options(CHOSEN, "proximal") == paper
    assert proximal_options(CHOSEN, 50) == paper


def test_fista_has_what_was_chosen_or_a_share_of_the_trained_step_and_dense_latents():
    assert options(CHOSEN, "fista") == ProximalOptions(30, 0.003, None, momentum=True)
    assert options(TRAINED, "fista") == ProximalOptions(50, SHARE * 0.01, None, momentum=True)


def test_steps_are_the_bundles_only_for_its_own_solver():
    assert options(SolverDefaults(0.01, 9), "proximal").steps == 9
    assert options(SolverDefaults(0.01, 9, name="adam"), "proximal").steps == 50
    assert options(SolverDefaults(0.01, 9, name="adam"), "adam").steps == 9


def test_a_loop_is_fista_if_that_is_the_bundles_solver_and_else_proximal():
    assert loop_options(CHOSEN, 10) == ProximalOptions(10, 0.003, None, momentum=True)
    for name in ("proximal", "adam", "lbfgs"):
        defaults = SolverDefaults(0.01, 9, 7, name=name, projection="unit-sphere")
        expected = ProximalOptions(10, 0.01, 7, projection="unit-sphere")
        assert loop_options(defaults, 10) == expected


@pytest.mark.parametrize("solver", SOLVERS)
def test_every_solver_can_be_asked_for(solver):
    assert choose(solver, bundle_options(CHOSEN, solver), {}).name == solver
