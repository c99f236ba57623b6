"""L-BFGS: strong Wolfe, and step for step as torch without a line search."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from bitprior_runtime.errors import UsageError
from bitprior_runtime.solvers import (
    LbfgsOptions,
    ProximalOptions,
    initial_latents,
    lbfgs,
    proximal,
)
from builders.problems import (
    ROSENBROCK_MINIMUM,
    ROSENBROCK_START,
    Rosenbrock,
    linear_engine,
    perceptron_engine,
    perceptrons,
    well_conditioned,
)


def torch_trace(y, z0, options, dtype):
    """Return losses and last latents of torch.optim.LBFGS, a run of its own for every row."""
    layers = {
        name: [(torch.from_numpy(w).to(dtype), torch.from_numpy(b).to(dtype)) for w, b in pairs]
        for name, pairs in perceptrons().items()
    }
    # ONNX attributes are float32, and so is the slope of the program's LeakyRelu.
    slope = float(np.float32(0.2)) if dtype == torch.float32 else 0.2

    def network(value, pairs):
        for weight, bias in pairs[:-1]:
            value = functional.leaky_relu(functional.linear(value, weight, bias), slope)
        return functional.linear(value, *pairs[-1])

    traces, latents = [], []
    for target, start in zip(torch.from_numpy(y), torch.from_numpy(z0), strict=True):
        z = start.clone().requires_grad_()
        optimiser = torch.optim.LBFGS(
            [z], lr=options.step_size, max_iter=options.steps, history_size=options.history,
            tolerance_grad=options.tolerance_grad, tolerance_change=options.tolerance_change,
        )  # fmt: skip
        trace = []

        def closure():
            optimiser.zero_grad()  # noqa: B023
            x = torch.tanh(network(z, layers["generator"]))  # noqa: B023
            loss = (network(x, layers["sensing"]) - target).square().sum()  # noqa: B023
            loss.backward()
            trace.append(loss.item())  # noqa: B023
            return loss

        optimiser.step(closure)
        traces.append(trace)
        latents.append(z.detach().numpy())
    return traces, np.stack(latents)


def problem(dtype, rows=6):
    truth = np.random.default_rng(4).standard_normal((rows, 20)).astype(dtype)
    engine = perceptron_engine(perceptrons(), dtype)
    return (
        engine,
        engine.sense(engine.generate(truth)),
        initial_latents(rows, 20, 5)[0].astype(dtype),
    )


@pytest.mark.parametrize(("step_size", "history"), [(1.0, 100), (0.3, 100), (0.3, 4)])
def test_without_a_line_search_every_row_takes_the_steps_of_torch(step_size, history):
    engine, y, z0 = problem(np.float64)
    # Behind some 30 full steps the last digits of float64 have grown to the first ones.
    options = LbfgsOptions(25, step_size, line_search=False, history=history)
    solution = lbfgs(engine, y, z0, options)
    traces, latents = torch_trace(y, z0, options, torch.float64)
    for row, trace in enumerate(traces):
        # torch does not evaluate the loss after its last iteration.
        np.testing.assert_allclose(solution.history[: len(trace), row], trace, rtol=1e-6)
    np.testing.assert_allclose(solution.latent, latents, rtol=1e-5, atol=1e-7)


def test_in_float32_the_first_steps_are_those_of_torch_too():
    engine, y, z0 = problem(np.float32)
    options = LbfgsOptions(10, 0.5, line_search=False)
    solution = lbfgs(engine, y, z0, options)
    traces, latents = torch_trace(y, z0, options, torch.float32)
    np.testing.assert_allclose(solution.history[:-1], np.transpose(traces), rtol=1e-3)
    np.testing.assert_allclose(solution.latent, latents, atol=1e-3)


@pytest.mark.parametrize(
    "tolerances", [{"tolerance_grad": 0.5}, {"tolerance_change": 1e-2}, {"tolerance_change": 3e-2}]
)
def test_rows_end_where_torch_ends_them(tolerances):
    engine, y, z0 = problem(np.float64)
    options = LbfgsOptions(60, 0.5, line_search=False, **tolerances)
    solution = lbfgs(engine, y, z0, options)
    traces, latents = torch_trace(y, z0, options, torch.float64)
    assert solution.steps.tolist() == [len(trace) - 1 for trace in traces]
    assert len(set(solution.steps)) > 1
    np.testing.assert_allclose(solution.latent, latents, rtol=1e-6, atol=1e-9)


def test_a_row_that_starts_at_its_answer_takes_no_step_as_in_torch():
    engine = linear_engine(np.eye(2))
    y = np.array([[1, 1], [5, -5]], np.float32)
    solution = lbfgs(engine, y, np.ones((2, 2), np.float32), LbfgsOptions())
    assert solution.steps[0] == 0
    assert solution.evaluations[0] == 1
    np.testing.assert_allclose(solution.latent, y, rtol=1e-5)


@pytest.mark.parametrize("line_search", [True, False])
def test_a_linear_problem_is_solved(line_search):
    truth = np.random.default_rng(1).standard_normal((5, 6)).astype(np.float32)
    engine = linear_engine(well_conditioned(6))
    options = LbfgsOptions(60, line_search=line_search)
    solution = lbfgs(engine, engine.sense(truth), np.zeros_like(truth), options)
    np.testing.assert_allclose(solution.latent, truth, atol=1e-3)
    assert (solution.steps < 30).all()


def test_the_bent_valley_is_followed():
    options = LbfgsOptions(100, tolerance_change=0)
    solution = lbfgs(Rosenbrock(), np.zeros((1, 2)), ROSENBROCK_START, options)
    np.testing.assert_allclose(solution.latent, ROSENBROCK_MINIMUM, atol=1e-6)
    assert solution.steps[0] < 50
    assert (np.diff(solution.history[:, 0]) < 0).all()


def test_an_ill_conditioned_quadratic_needs_far_fewer_steps_than_gradient_descent():
    engine = linear_engine(np.diag(np.geomspace(1, 100, 20)), np.float64)  # condition 1e4
    truth = np.random.default_rng(3).standard_normal((3, 20))
    y, z0 = engine.sense(truth), np.zeros((3, 20))
    wanted = 1e-8 * engine.loss(z0, y)
    found = lbfgs(engine, y, z0, LbfgsOptions(150))
    assert (found.loss < wanted).all()
    descent = proximal(engine, y, z0, ProximalOptions(3000, 1 / (2 * 100**2)))
    assert (descent.loss > wanted).all()  # twenty times as many steps are not enough


@pytest.mark.parametrize("line_search", [True, False])
def test_a_row_alone_ends_where_it_ends_among_others(line_search):
    engine, y, z0 = problem(np.float64)
    options = LbfgsOptions(25, 0.5, line_search=line_search, history=5)
    together = lbfgs(engine, y, z0, options)
    for row in (0, 3):
        one = slice(row, row + 1)
        alone = lbfgs(engine, y[one], z0[one], options)
        np.testing.assert_allclose(alone.history, together.history[:, one], rtol=1e-6)


def test_a_row_without_a_downhill_step_is_at_its_end():
    engine = Rosenbrock()
    engine.vjp = lambda z, c: -Rosenbrock.vjp(engine, z, c)
    solution = lbfgs(engine, np.zeros((1, 2)), ROSENBROCK_START, LbfgsOptions())
    np.testing.assert_array_equal(solution.latent, ROSENBROCK_START)
    assert solution.steps.tolist() == [0]


@pytest.mark.parametrize("line_search", [True, False])
def test_a_row_whose_loss_overflows_leaves_at_once(line_search):
    engine = linear_engine(np.eye(2))
    y, z0 = np.ones((2, 2), np.float32), np.array([[1e30, 0], [0, 0]], np.float32)
    solution = lbfgs(engine, y, z0, LbfgsOptions(line_search=line_search))
    assert solution.steps[0] == 0
    assert not np.isfinite(solution.loss[0])
    np.testing.assert_allclose(solution.latent[1], [1, 1], rtol=1e-4)


def test_memory_grows_with_the_steps_not_with_the_square_of_the_latent():
    k = 40_960
    engine = linear_engine_of_one_measurement(k)
    y, z0 = np.ones((1, 1), np.float32), np.zeros((1, k), np.float32)
    solution = lbfgs(engine, y, z0, LbfgsOptions(20))
    assert solution.loss[0] < 1e-6


def linear_engine_of_one_measurement(k):
    engine = Rosenbrock()
    row = np.linspace(0.5, 1, k, dtype=np.float32)[np.newaxis] / np.float32(k**0.5)
    engine.sense = lambda x: x @ row.T
    engine.vjp = lambda z, cotangent: cotangent @ row
    return engine


@pytest.mark.parametrize(
    "bad",
    [
        {"steps": 0},
        {"step_size": 0.0},
        {"history": 0},
        {"tolerance_grad": -1.0},
        {"tolerance_change": float("nan")},
    ],
)
def test_options_out_of_range_are_refused(bad):
    with pytest.raises(UsageError, match="change"):
        LbfgsOptions(**bad)
