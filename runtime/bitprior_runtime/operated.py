"""Recovery through an operator that is apart from the prior."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bitprior_runtime.bundle.manifest import SolverDefaults
from bitprior_runtime.bundle.search import LearnedSearch
from bitprior_runtime.engines.operated import OperatedEngine
from bitprior_runtime.errors import UsageError
from bitprior_runtime.proximal_defaults import bundle_options
from bitprior_runtime.recovery import FloatArray, Recovery, Restarts, finite, recover
from bitprior_runtime.sensing.blocks import Rectangles
from bitprior_runtime.sensing.covariance import Covariance
from bitprior_runtime.sensing.exact import ExactRectangles
from bitprior_runtime.sensing.exact_estimate import LARGEST, ExactEstimate
from bitprior_runtime.sensing.iterative_estimate import IterativeEstimate
from bitprior_runtime.sensing.kept import KeptOf
from bitprior_runtime.sensing.linear_estimate import (
    LinearEstimate,
    check_noise,
    fits,
    written_out,
)
from bitprior_runtime.sensing.operator import Operator, named
from bitprior_runtime.solvers import Progress
from bitprior_runtime.solvers.choice import choose
from bitprior_runtime.solvers.learned import LearnedOptions, learned
from bitprior_runtime.solvers.searching import Linear, SearchedPrior, Searching

LEARNED = "learned"
_TAKEN = ("steps", "tolerance", "max_seconds")
# What Gauss-Newton may keep of a row's Jacobian, bytes.
_JACOBIAN = 2**30


@dataclass(frozen=True)
class Operated:
    """A prior bound to the frame of an operator.

    Attributes:
        prior: G on that frame.
        operator: A.
        search: The bundle's learned search, if it has one.
        defaults: Its solver.
        engine: Name of the engine that ran.
        kernel: Name of its kernel.
        noise: Standard deviation of the noise of a measurement, in the units of y.
        estimates: Linear estimates of operators that came before, to be had again.
    """

    prior: SearchedPrior
    operator: Operator
    search: LearnedSearch | None
    defaults: SolverDefaults
    engine: str
    kernel: str
    noise: float
    estimates: KeptOf[Linear] = field(default_factory=KeptOf)

    def solver(self, wished: str | None) -> str:
        """Return the solver's name: learned where the prior has its search, else fista.

        Raises:
            UsageError: ``learned`` of a prior that has no learned search.
        """
        if wished == LEARNED and self.search is None:
            raise UsageError(
                "a prior with a learned search for the solver 'learned'",
                "one without",
                "use fista, or a photo prior",
            )
        if wished is not None:
            return wished
        return LEARNED if self.search is not None else "fista"

    def recover(
        self,
        y: FloatArray,
        solver: str,
        wishes: Mapping[str, Any],
        restarts: Restarts,
        progress: Progress | None,
    ) -> Recovery:
        """Recover images from measurements y [B, C * m], already checked.

        Args:
            y: Measurements.
            solver: Its name, see :meth:`solver`.
            wishes: Options by name; None: the solver's.
            restarts: How many starts, and from where.
            progress: Called with (step, steps).
        """
        check_noise(self.noise)
        if solver == LEARNED:
            return self._learned(y, wishes, restarts, progress)
        engine = OperatedEngine(self.prior, self.operator, self.engine, self.kernel)
        choice = choose(solver, _options(self.defaults, solver, wishes), wishes)
        k, m = self.prior.latent, y.shape[1]
        if solver == "gauss-newton" and 4 * m * k > _JACOBIAN:
            size = f"{4 * m * k} bytes for {m} measurements and {k} latent values"
            raise UsageError(
                f"a Jacobian of at most {_JACOBIAN} bytes", size, "use learned or fista"
            )
        found = recover(
            engine,
            solver,
            choice.on(engine),
            y,
            k,
            restarts,
            max_rows=choice.max_rows(m, k),
            max_seconds=wishes.get("max_seconds"),
            progress=progress,
        )
        return replace(found, image=np.clip(found.image, 0, 1))

    def _learned(
        self,
        y: FloatArray,
        wishes: Mapping[str, Any],
        restarts: Restarts,
        progress: Progress | None,
    ) -> Recovery:
        assert self.search is not None
        begin = time.perf_counter()
        asked = wishes.get("steps")
        steps = self.defaults.steps if asked is None and self.defaults.name == LEARNED else asked
        options = learned_options({**wishes, "steps": steps}, restarts)
        search = self.search
        linear = self._linear(search)
        mean = search.covariance.mean
        # What overflows is found below: it must not fill the log.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            found = learned(self.prior, search.schedule, mean, linear, y, options, progress)
        return Recovery(
            image=finite("images", found.image),
            latent=found.latent,
            loss=finite("losses", found.loss),
            history=found.history,
            steps=found.steps,
            evaluations=found.evaluations,
            engine=self.engine,
            kernel=self.kernel,
            solver=LEARNED,
            seconds=time.perf_counter() - begin,
            start=found.start,
        )

    def start(self, y: FloatArray) -> FloatArray | None:
        """Return the learned start latents [B,k] of measurements; None without a search."""
        if self.search is None:
            return None
        linear, mean = self._linear(self.search), self.search.covariance.mean
        searching = Searching(self.prior, self.search.schedule, mean, linear, y)
        return np.asarray(searching.start(), np.float32)

    def _linear(self, search: LearnedSearch) -> Linear:
        def make() -> Linear:
            return linear_estimate(self.operator, search.covariance, self.noise)

        return self.estimates.get(self.operator, self.noise, make)


def linear_estimate(operator: Operator, covariance: Covariance, noise: float) -> Linear:
    """Return the linear estimate of photos in the form that suits the operator.

    Args:
        operator: A; in its exact form the estimate is exact too.
        covariance: Of photos.
        noise: Standard deviation of the noise of a measurement, in the units of y.
    """
    if isinstance(operator, ExactRectangles):
        return ExactEstimate(operator, covariance, noise)
    if fits(operator):
        return LinearEstimate(operator, covariance, noise)
    return IterativeEstimate(operator, covariance, noise)


def for_engine(operator: Operator, engine: str) -> Operator:
    """Return an operator in the form that an engine needs: the exact one for ``integer``.

    Raises:
        UsageError: One that would have to be written out, and is too large for it.
    """
    if engine != "integer":
        return operator
    if not isinstance(operator, Rectangles):
        m, n = operator.size, operator.frame[0] * operator.frame[1]
        if n > LARGEST or m > LARGEST:
            raise UsageError(
                f"an operator of at most {LARGEST} pixels and readings for the integer engine",
                f"{m} readings of {named(operator.frame)}",
                "use blocks, or the float engine",
            )
    return written_out(operator).exact()


def learned_options(wishes: Mapping[str, Any], restarts: Restarts) -> LearnedOptions:
    """Return the options of the learned search.

    Raises:
        UsageError: An option that it does not take, or one out of range.
    """
    given = {name: value for name, value in wishes.items() if value is not None}
    refused = [name for name in given if name not in _TAKEN]
    alone = (restarts.count, restarts.seed, restarts.mirrored, restarts.latent is None)
    names = ("restarts", "seed", "mirrored", "latent")
    usual = (1, 0, False, True)
    refused += [name for name, a, b in zip(names, alone, usual, strict=True) if a != b]
    if refused:
        raise UsageError(
            f"options of the learned search: {', '.join(_TAKEN)}",
            ", ".join(refused),
            "leave it out or choose another solver; its start and step sizes are learned",
        )
    return LearnedOptions(**given)


def _options(defaults: SolverDefaults, solver: str, wishes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the bundle's options that hold for any operator.

    A step size that was learned with one sensing network is too long or too short for an operator
    of another scale: it is where the line search begins.
    """
    found = bundle_options(defaults, solver)
    plain = found.get("projection", "none") == "none"
    if solver in ("proximal", "fista") and plain and wishes.get("step_size") is None:
        found["line_search"] = True
    return found
