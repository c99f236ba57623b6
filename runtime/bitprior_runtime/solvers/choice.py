"""Choosing a solver by name, with the options it takes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any, TypeAlias

from bitprior_runtime.engines.base import DifferentiableEngine, Engine
from bitprior_runtime.errors import UsageError
from bitprior_runtime.solvers.adam import AdamOptions, adam
from bitprior_runtime.solvers.gauss_newton import GaussNewtonOptions, gauss_newton
from bitprior_runtime.solvers.lbfgs import LbfgsOptions, lbfgs
from bitprior_runtime.solvers.proximal import ProximalOptions, proximal
from bitprior_runtime.solvers.solution import Array, Progress, Solution

Options: TypeAlias = ProximalOptions | AdamOptions | LbfgsOptions | GaussNewtonOptions

# Rows that go through the networks together: enough to keep BLAS busy, few enough for a board;
# fewer where a solver keeps much for every row.
MAX_ROWS = 256
MAX_STATE_BYTES = 2**27


@dataclass(frozen=True)
class Solver:
    """A solver and what it takes.

    Attributes:
        options: Its dataclass of options.
        solve: (engine, y, z0, options, progress) -> solution.
        state_bytes: (options, m, k) -> what it keeps for each row, bytes.
        fixed: Options that make it what it is, and are nobody's to choose.
    """

    options: type[Any]
    solve: Callable[..., Solution]
    state_bytes: Callable[[Any, int, int], int]
    fixed: Mapping[str, Any] = field(default_factory=dict)

    @property
    def taken(self) -> set[str]:
        """Names of the options that can be chosen."""
        return {option.name for option in fields(self.options)} - set(self.fixed)


SOLVERS: Mapping[str, Solver] = {
    "proximal": Solver(ProximalOptions, proximal, lambda o, m, k: 16 * k, {"momentum": False}),
    "fista": Solver(ProximalOptions, proximal, lambda o, m, k: 24 * k, {"momentum": True}),
    "adam": Solver(AdamOptions, adam, lambda o, m, k: 16 * k),
    "lbfgs": Solver(LbfgsOptions, lbfgs, lambda o, m, k: 8 * k * min(o.history, o.steps)),
    "gauss-newton": Solver(GaussNewtonOptions, gauss_newton, lambda o, m, k: 4 * m * k),
}

# Solvers that need ``DifferentiableEngine``.
JACOBIAN_SOLVERS = frozenset({"gauss-newton"})


@dataclass(frozen=True)
class Choice:
    """A solver with its options, all checked.

    Attributes:
        name: Name of the solver.
        options: What it runs with.
    """

    name: str
    options: Options

    def solve(
        self, engine: Engine, y: Array, z0: Array, seconds: float | None, progress: Progress | None
    ) -> Solution:
        """Run the solver for at most ``seconds``."""
        options = replace(self.options, max_seconds=seconds)
        return SOLVERS[self.name].solve(engine, y, z0, options, progress)

    def on(self, engine: Engine) -> Callable[..., Solution]:
        """Return :meth:`solve` on an engine.

        Raises:
            UsageError: The solver needs products with the Jacobian and the engine has none.
        """
        if self.name in JACOBIAN_SOLVERS and not isinstance(engine, DifferentiableEngine):
            raise UsageError(
                f"an engine with products of the Jacobian (float) for {self.name}",
                f"engine {engine.name}/{engine.kernel}",
                "choose engine float, or another solver",
            )
        return partial(self.solve, engine)

    def max_rows(self, m: int, k: int) -> int:
        """Return how many rows may run together, at least 1."""
        state = SOLVERS[self.name].state_bytes(self.options, m, k)
        return max(1, min(MAX_ROWS, MAX_STATE_BYTES // state))


def choose(name: str, learned: Mapping[str, Any], wishes: Mapping[str, Any]) -> Choice:
    """Choose a solver.

    Args:
        name: One of SOLVERS.
        learned: What the bundle says of its options.
        wishes: Options by name; None: the bundle's if it says so, else the solver's.

    Raises:
        UsageError: No such solver, an option it does not take, or one out of its range.
    """
    if not isinstance(name, str) or name not in SOLVERS:
        raise UsageError(f"solver among: {', '.join(SOLVERS)}", f"{name!r}", "choose a solver")
    solver = SOLVERS[name]
    given = {option: value for option, value in wishes.items() if value is not None}
    for option in given:
        if option not in solver.taken:
            takers = [other for other in SOLVERS if option in SOLVERS[other].taken]
            raise UsageError(
                f"{option} with a solver that takes it: {', '.join(takers)}",
                f"solver {name!r}",
                "leave it out or choose another solver",
            )
    return Choice(name, solver.options(**{**solver.fixed, **learned, **given}))
