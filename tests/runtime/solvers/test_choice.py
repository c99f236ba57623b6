"""Choosing a solver by name, and the options that belong to it."""

import numpy as np
import pytest

from bitprior_runtime.engines import DifferentiableEngine
from bitprior_runtime.errors import UsageError
from bitprior_runtime.solvers import (
    AdamOptions,
    GaussNewtonOptions,
    LbfgsOptions,
    ProximalOptions,
)
from bitprior_runtime.solvers.choice import SOLVERS, choose
from builders.problems import Rosenbrock, linear_engine


def test_what_the_bundle_learned_goes_to_the_solver():
    learned = {"step_size": 0.07, "sparsity": 5}
    assert choose("proximal", learned, {}).options == ProximalOptions(50, 0.07, 5)
    assert choose("fista", learned, {}).options == ProximalOptions(50, 0.07, 5, momentum=True)
    assert choose("adam", {"sparsity": 5}, {}).options == AdamOptions(sparsity=5)
    assert choose("lbfgs", {}, {}).options == LbfgsOptions()
    assert choose("gauss-newton", {"sparsity": 5}, {}).options == GaussNewtonOptions(sparsity=5)


def test_wishes_win_and_none_is_no_wish():
    wishes = {"steps": 4, "step_size": None, "max_seconds": 3.0}
    options = choose("fista", {"steps": 33, "step_size": 0.07, "sparsity": 5}, wishes).options
    assert options == ProximalOptions(4, 0.07, 5, max_seconds=3.0, momentum=True)


@pytest.mark.parametrize(
    ("name", "wish", "takers"),
    [
        ("adam", {"line_search": True}, "proximal, fista, lbfgs;"),
        ("lbfgs", {"sparsity": 3}, "proximal, fista, adam, gauss-newton;"),
        ("gauss-newton", {"step_size": 0.1}, "proximal, fista, adam, lbfgs;"),
        ("proximal", {"momentum": True}, ";"),
    ],
)
def test_an_option_of_others_is_refused_with_their_names(name, wish, takers):
    with pytest.raises(UsageError) as caught:
        choose(name, {}, wish)
    assert f"takes it: {takers}" in str(caught.value)


def test_an_unknown_solver_is_refused_with_those_there_are():
    with pytest.raises(UsageError, match="proximal, fista, adam, lbfgs, gauss-newton"):
        choose("newton", {}, {})


@pytest.mark.parametrize("name", SOLVERS)
def test_every_solver_takes_steps_tolerance_and_time(name):
    options = choose(name, {}, {"steps": 7, "tolerance": 0.1, "max_seconds": 2.0}).options
    assert (options.steps, options.tolerance, options.max_seconds) == (7, 0.1, 2.0)


@pytest.mark.parametrize("name", SOLVERS)
def test_a_choice_runs_on_an_engine(name):
    engine = linear_engine(np.eye(2))
    solve = choose(name, {}, {"steps": 3}).on(engine)
    y, z0 = np.ones((1, 2), np.float32), np.zeros((1, 2), np.float32)
    assert solve(y, z0, None, None).loss[0] < 2
    assert solve(y, z0, 1e-9, None).steps.tolist() == [1]


def test_gauss_newton_says_which_engine_it_needs():
    class Plain:
        name = kernel = "plain"
        generate, sense = Rosenbrock.generate, Rosenbrock.sense
        loss, value_and_grad = Rosenbrock.loss, Rosenbrock.value_and_grad

    assert isinstance(linear_engine(np.eye(2)), DifferentiableEngine)
    with pytest.raises(UsageError, match=r"float.*engine plain"):
        choose("gauss-newton", {}, {}).on(Plain())


@pytest.mark.parametrize(
    ("name", "m", "k", "rows"),
    [
        ("proximal", 100, 100, 256),
        ("lbfgs", 100, 100, 256),
        ("lbfgs", 1_000, 40_960, 13),
        ("gauss-newton", 100, 100, 256),
        ("gauss-newton", 1_000, 4_096, 8),
        ("gauss-newton", 10_000, 40_960, 1),
    ],
)
def test_solvers_that_keep_much_take_fewer_rows_at_a_time(name, m, k, rows):
    assert choose(name, {}, {}).max_rows(m, k) == rows
