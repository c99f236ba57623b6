"""Proximal gradient descent on the latent (Q-GEN, Algorithm 1, inner loop; SDLSS)."""

from dataclasses import dataclass
from typing import get_args

import numpy as np

from bitprior_runtime.bundle.limits import MAX_ELEMENTS
from bitprior_runtime.engines.base import Engine, Loop, ProximalEngine
from bitprior_runtime.errors import UsageError
from bitprior_runtime.solvers.backtracking import Backtracking
from bitprior_runtime.solvers.inside import proximal_inside
from bitprior_runtime.solvers.latents import Projection, hard_threshold, unit_sphere
from bitprior_runtime.solvers.momentum import Momentum
from bitprior_runtime.solvers.running import ALL, Mask, Method, check_limits, run
from bitprior_runtime.solvers.solution import (
    Array,
    Progress,
    Solution,
    check_problem,
    check_step_size,
    check_whole,
)


@dataclass(frozen=True)
class ProximalOptions:
    """Settings of the proximal solver.

    Attributes:
        steps: T, gradient steps.
        step_size: beta; a bundle carries the one learned in training. With ``line_search`` the
            first one tried.
        sparsity: s of P_s, or None for dense latents.
        tolerance: A row stops at the first latent whose loss differs from the one before by at
            most this share of it; 0 takes all steps.
        max_seconds: Wall time after which no further step begins, s.
        line_search: Find beta anew in every step and row, by backtracking.
        momentum: Nesterov's momentum (FISTA), with adaptive restart.
        projection: ``unit-sphere`` scales z0 and the latent after every step, and after P_s, to
            unit norm, as deep compressed sensing does; ``none``. Only with plain, fixed steps.
    """

    steps: int = 50
    step_size: float = 0.01
    sparsity: int | None = None
    tolerance: float = 0.0
    max_seconds: float | None = None
    line_search: bool = False
    momentum: bool = False
    projection: Projection = "none"

    def __post_init__(self) -> None:
        check_limits(self)
        check_step_size(self.step_size)
        if self.sparsity is not None:
            check_whole("sparsity", self.sparsity, 1, MAX_ELEMENTS)
        if self.projection not in get_args(Projection):
            known = " or ".join(get_args(Projection))
            raise UsageError(f"projection {known}", repr(self.projection), "choose one of them")
        if self.projection != "none" and (self.line_search or self.momentum):
            raise UsageError(
                f"plain steps of a fixed size with the projection {self.projection!r}",
                "line_search or momentum",
                "use the solver proximal without line_search",
            )

    @property
    def loop(self) -> Loop:
        """The loop with a fixed step, for engines that run it by themselves."""
        return Loop(
            self.steps,
            self.step_size,
            self.sparsity,
            self.tolerance,
            self.momentum,
            self.projection == "unit-sphere",
        )

    def loops_in(self, engine: ProximalEngine) -> bool:
        """Return whether the engine's own loop does what these options ask for."""
        fixed = not self.line_search and self.max_seconds is None
        return fixed and engine.loops(self.loop)


def proximal(
    engine: Engine, y: Array, z0: Array, options: ProximalOptions, progress: Progress | None = None
) -> Solution:
    """Minimise f(z) = ||y - A(G(z))||^2 subject to ||z||_0 <= s, row by row.

    z <- P_s(z - beta grad f(z)), T times, or until every row has stopped; see ``projection`` for
    what may follow P_s.

    Args:
        engine: The arithmetic.
        y: Measurements [B,m].
        z0: Start latents [B,k].
        options: T, beta, s and the tolerance.
        progress: Called with (step, steps) after each step.

    Returns:
        z_T, f(z_T) and f along the way.

    Raises:
        UsageError: y and z0 do not fit, or hold NaN or Inf.
    """
    if isinstance(engine, ProximalEngine) and options.loops_in(engine):
        check_problem(y, z0)
        return proximal_inside(engine, y, z0, options.loop, progress)
    return run(proximal_method(engine, y, z0, options), options, progress)


def proximal_method(engine: Engine, y: Array, z0: Array, options: ProximalOptions) -> Method:
    """Return the solver at its start, for :func:`run`.

    Raises:
        UsageError: y and z0 do not fit, or hold NaN or Inf.
    """
    beta, s = options.step_size, options.sparsity
    if options.momentum:
        return Momentum(engine, y, z0, beta, s, line_search=options.line_search)
    if options.line_search:
        return Backtracking(engine, y, z0, beta, s)
    return _FixedStep(engine, y, z0, options)


class _FixedStep(Method):
    def __init__(self, engine: Engine, y: Array, z0: Array, options: ProximalOptions) -> None:
        super().__init__(engine, y, z0)
        self._beta, self._s = z0.dtype.type(options.step_size), options.sparsity
        self._on_sphere = options.projection == "unit-sphere"
        if self._on_sphere:
            self.z = unit_sphere(z0)
        self._grad = np.zeros_like(z0)

    def evaluate(self) -> Array:
        f, self._grad = self.value_and_grad(self.z, ALL)
        return f

    def step(self) -> Mask:
        self.z = hard_threshold(self.z - self._beta * self._grad, self._s)
        if self._on_sphere:
            self.z = unit_sphere(self.z)
        return np.ones(len(self.z), dtype=bool)
