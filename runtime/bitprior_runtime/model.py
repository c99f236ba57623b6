"""A loaded prior: sense, generate, recover, verify."""

import os
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.budget import rows_within
from bitprior_runtime.bundle import Bundle, read_bundle
from bitprior_runtime.bundle.limits import MAX_INTEGER
from bitprior_runtime.bundle.manifest import NO_MEASUREMENT
from bitprior_runtime.engines import Engine
from bitprior_runtime.engines.registry import (
    AUTO,
    EngineContext,
    candidates,
    check_wishes,
    make_engine,
)
from bitprior_runtime.engines.selection import Choice, choose_engine
from bitprior_runtime.errors import UsageError
from bitprior_runtime.frames.at import prior_at
from bitprior_runtime.frames.framed import PriorAtFrame
from bitprior_runtime.frames.kept import KeptFrames
from bitprior_runtime.golden import Check, replay
from bitprior_runtime.images.read import check_images
from bitprior_runtime.info import as_text, describe
from bitprior_runtime.operated import LEARNED, Operated, for_engine, linear_estimate
from bitprior_runtime.planes import apart, joined, planes_of
from bitprior_runtime.proximal_defaults import bundle_options
from bitprior_runtime.recovery import (
    FloatArray,
    Recovery,
    Restarts,
    check_starts,
    finite,
    recover,
)
from bitprior_runtime.sensing.kept import KeptOf
from bitprior_runtime.sensing.operator import Operator, check_frame
from bitprior_runtime.solvers import Progress
from bitprior_runtime.solvers.choice import JACOBIAN_SOLVERS, MAX_ROWS, choose
from bitprior_runtime.solvers.searching import Linear, SearchedPrior
from bitprior_runtime.solvers.solution import check_flags, check_range, check_whole
from bitprior_runtime.zoo import find_bundle


def load(path: str | os.PathLike[str]) -> "Model":
    """Load a bundle.

    Args:
        path: A ``.bitprior`` file, or the name of a prior that comes with bitprior, see
            :func:`bitprior_runtime.zoo.zoo_names`. A file of that name goes first.

    Returns:
        The model, its hashes checked.

    Raises:
        MissingFileError: No such file, and no such name.
        BundleError: Not a whole, unchanged bundle of a known format; the subclass says why.
    """
    file = find_bundle(path)
    bundle = read_bundle(file)
    return Model(bundle, os.stat(file).st_size, file)


class Model:
    """A prior with its sensing network, ready to recover.

    Args:
        bundle: What :func:`load` read.
        file_bytes: Size of the file it was read from, also an attribute.
        path: That file; the onnx engine looks for its files beside it.
    """

    def __init__(self, bundle: Bundle, file_bytes: int, path: Path | None = None) -> None:
        self.bundle = bundle
        self.file_bytes = file_bytes
        self._context = EngineContext(bundle, path)
        self._frames = KeptFrames()
        self._forms: KeptOf[Operator] = KeptOf()
        self._estimates: KeptOf[Linear] = KeptOf()
        self._engines: dict[tuple[str, str, int | None, int | None], Engine] = {}

    @property
    def path(self) -> Path | None:
        """The file it was read from."""
        return self._context.path

    @property
    def geometry(self) -> tuple[int, int, int]:
        """(C, H, W) of the images."""
        return self.bundle.manifest.geometry

    @property
    def info(self) -> dict[str, Any]:
        """Name, geometry, bits, sizes, solver defaults and provenance, ready for JSON."""
        return describe(self.bundle, self.file_bytes)

    def describe(self) -> str:
        """Return the same as :attr:`info` as text for people."""
        return as_text(self.bundle, self.file_bytes)

    def engine(
        self,
        engine: str = "float",
        kernel: str = AUTO,
        threads: int | None = None,
        activation_bits: int | None = None,
    ) -> Engine:
        """Return an engine over this model's programs, made on first use.

        Args:
            engine: ``float``, ``integer``, ``onnx`` or ``onnx-training``.
            kernel: ``numpy`` or ``native``; ``auto``: native where it works.
            threads: Threads it may use; None leaves it to the engine.
            activation_bits: 8 or 16, of the integer engine; None: the bundle's.

        Raises:
            UsageError: Unknown engine or kernel.
            BitpriorError: The engine cannot run here; the message says what is missing.
        """
        context = replace(self._context, threads=threads, activation_bits=activation_bits)
        check_wishes(context)  # what cannot be a key is refused before it is looked up
        candidates(engine, kernel)
        key = (engine, kernel, threads, activation_bits)
        if key not in self._engines:
            self._engines[key] = make_engine(context, engine, kernel)
        return self._engines[key]

    def choose(self, rows: int = 1, kernel: str = AUTO, threads: int | None = None) -> Choice:
        """Measure every engine that works here and return the fastest, and why.

        Args:
            rows: Measurements times restarts of the recovery to come.
            kernel: Only engines on these kernels; ``auto`` for any.
            threads: Threads an engine may use; None leaves it to the engine.
        """
        check_whole("rows", rows, 1, MAX_INTEGER)
        rows = min(rows, MAX_ROWS)  # more never go through together
        choice = choose_engine(replace(self._context, threads=threads), rows, kernel=kernel)
        made = choice.engine
        self._engines.setdefault((made.name, made.kernel, threads, None), made)
        return choice

    @property
    def _reference(self) -> Engine:
        """The float engine on numpy: the definition, and there on every machine."""
        return self.engine("float", "numpy")

    @cached_property
    def _rows(self) -> int:
        """How many rows may go through both programs together."""
        return rows_within((self.bundle.generator, self.bundle.sensing))

    def sense(self, x: NDArray[Any]) -> FloatArray:
        """Measure images: y = A(x).

        Args:
            x: Float images [B,C,H,W] in [0,1].

        Returns:
            Measurements, float32 [B,m].

        Raises:
            UsageError: Wrong type, shape or range.
        """
        found = self._reference.sense(check_images(np.asarray(x), self.geometry))
        return finite("measurements", found)

    def generate(self, z: NDArray[Any]) -> FloatArray:
        """Draw images: G(z), clipped to [0, 1].

        Args:
            z: Float latents [B,k].

        Returns:
            float32 [B,C,H,W] in [0,1].

        Raises:
            UsageError: Wrong type or shape, NaN or Inf.
        """
        latents = check_rows("latents", "k", np.asarray(z), self.bundle.manifest.latent)
        return np.clip(finite("images", self._reference.generate(latents)), 0, 1)

    def at(
        self,
        frame: tuple[int, int],
        engine: str = "float",
        kernel: str = AUTO,
        threads: int | None = None,
        activation_bits: int | None = None,
    ) -> PriorAtFrame:
        """Return the prior bound to a frame; the last few frames are kept.

        A fully convolutional prior gives a :class:`FramedPrior`, any other overlapping tiles of its
        own size, a :class:`TiledPrior`.

        Args:
            frame: (H, W) of the images; for tiles at least the prior's own size.
            engine: ``float``, ``integer`` or ``onnx``.
            kernel: As of :meth:`engine`.
            threads: As of :meth:`engine`.
            activation_bits: As of :meth:`engine`.

        Raises:
            UsageError: A frame that is none, or an unknown engine or kernel.
            BitpriorError: The engine cannot run here; the message says what is missing.
        """
        context = replace(self._context, threads=threads, activation_bits=activation_bits)
        check_wishes(context)
        candidates(engine, kernel)

        def make() -> PriorAtFrame:
            return prior_at(context, frame, engine, kernel)

        return self._frames.get(
            (check_frame(frame), engine, kernel, threads, activation_bits), make
        )

    def verify(self, engine: str = "float", kernel: str = AUTO) -> list[Check]:
        """Replay the golden cases on this machine; each check says whether it passed."""
        return replay(self.engine(engine, kernel), self.bundle)

    def recover(
        self,
        y: NDArray[Any],
        *,
        operator: Operator | None = None,
        noise: float = 0.0,
        solver: str | None = None,
        engine: str = "float",
        kernel: str = AUTO,
        threads: int | None = None,
        activation_bits: int | None = None,
        restarts: int = 1,
        seed: int = 0,
        latent: NDArray[Any] | None = None,
        mirrored: bool = False,
        steps: int | None = None,
        step_size: float | None = None,
        sparsity: int | None = None,
        tolerance: float | None = None,
        max_seconds: float | None = None,
        line_search: bool | None = None,
        progress: Progress | None = None,
    ) -> Recovery:
        """Recover images from measurements.

        An option a solver does not take is refused, with the names of those that take it.

        Args:
            y: Measurements [B,m], float; with an operator [B, C * m], of a gray prior also
                [B, 3 * m]: a colour photo, whose channels are recovered one beside the other.
            operator: What measured them, where it was not the bundle's own sensing network. The
                images then have its frame, which has to be one that the prior serves.
            noise: With an operator: standard deviation of the noise of a measurement, in the
                units of y.
            solver: ``proximal`` (Q-GEN's, with the learned step size and s), ``fista`` (the same
                steps with momentum), ``adam``, ``lbfgs``, ``gauss-newton`` or, with an operator
                and of a prior that has it, the ``learned`` search. None: the bundle's; with an
                operator ``learned``, or else ``fista`` with a line search.
            engine: ``float``, ``integer``, ``onnx`` or ``onnx-training``; ``auto``: the fastest
                by a measured probe, see :meth:`choose`.
            kernel: ``numpy`` or ``native``; ``auto``: native where it works.
            threads: Threads the engine may use; None leaves it to the engine.
            activation_bits: 8 or 16, of the integer engine; None: the bundle's.
            restarts: Start latents per measurement; the lowest measurement loss wins.
            seed: Seed of the start latents.
            latent: Where the first restart starts, float [B,k]: a warm start.
            mirrored: Start every restart from its -z0 too (phase retrieval); twice the work.
            steps: Most steps; None: the bundle's, with its own solver, or the solver's default.
            step_size: Step size; None: the bundle's (proximal: the learned beta; fista) or the
                default. Not for gauss-newton.
            sparsity: Latent entries kept by P_s, k for all; None: the bundle's. Not for lbfgs,
                whose latents are dense.
            tolerance: A row stops when its loss has changed by at most this share of it.
            max_seconds: Wall time after which no further step begins, s.
            line_search: proximal, fista: find beta in every step by backtracking (default: no);
                lbfgs: strong Wolfe conditions (default: yes), or the steps of torch.optim.LBFGS.
            progress: Called with (step, steps).

        Returns:
            Images, latents, losses and how they came about.

        Raises:
            UsageError: An argument is out of its range, does not belong to the solver, or y or
                latent has the wrong shape or values.
        """
        wishes = {
            "steps": steps, "step_size": step_size, "sparsity": sparsity, "tolerance": tolerance,
            "max_seconds": max_seconds, "line_search": line_search,
        }  # fmt: skip
        manifest = self.bundle.manifest
        check_flags(mirrored=mirrored, line_search=line_search)
        candidates(engine, kernel)
        if solver is not None and not isinstance(solver, str):
            raise UsageError("the name of a solver", f"{solver!r}", "choose one")
        if progress is not None and not callable(progress):
            raise UsageError("progress as a function", f"{progress!r}", "leave it out")
        if operator is not None:
            kind = manifest.solver.initial_latent
            # These are not the measurements that the prior's latent is like.
            kind = "zero" if kind == "measurement" else kind
            starts = Restarts(restarts, seed, kind, latent, mirrored)
            operated = self._operated(operator, noise, engine, kernel, threads, activation_bits)
            return self._recover_operated(operated, np.asarray(y), solver, wishes, starts, progress)
        check_range("noise", noise, least=0)
        if noise:
            raise UsageError("noise with an operator", "no operator", "give operator=")
        solver = manifest.solver.name if solver is None else solver
        self._check_own_sensing(solver)
        m, k = manifest.measurement.size, manifest.latent
        measurements = check_rows("measurements", "m", np.asarray(y), m)
        check_starts(restarts, seed)
        start = None if latent is None else self._start(latent, len(measurements))
        starts = Restarts(restarts, seed, manifest.solver.initial_latent, start, mirrored)
        choice = choose(solver, bundle_options(manifest.solver, solver), wishes)
        if engine == AUTO and solver in JACOBIAN_SOLVERS:
            engine = "float"  # the only one with products of the Jacobian
        if engine == AUTO:
            arithmetic = self.choose(len(measurements) * starts.starts, kernel, threads).engine
        else:
            arithmetic = self.engine(engine, kernel, threads, activation_bits)
        return recover(
            arithmetic,
            solver,
            choice.on(arithmetic),
            measurements,
            k,
            starts,
            max_rows=min(choice.max_rows(m, k), self._rows),
            max_seconds=max_seconds,
            progress=progress,
        )

    def _operated(
        self,
        operator: Operator,
        noise: float,
        engine: str,
        kernel: str,
        threads: int | None,
        activation_bits: int | None,
    ) -> Operated:
        """Bind the prior to an operator's frame; ``auto`` is the float engine."""
        if not isinstance(operator, Operator):
            known = "bitprior_runtime.sensing.Blocks or Matrix"
            raise UsageError("an operator", f"{type(operator).__name__}", f"make one: {known}")
        engine = "float" if engine == AUTO else engine
        found = self.at(operator.frame, engine, kernel, threads, activation_bits)
        prior = cast(SearchedPrior, found)  # of a bundle that has a search it is one
        bundle = self.bundle
        defaults = bundle.manifest.solver
        form = self._forms.get(operator, engine == "integer", lambda: for_engine(operator, engine))
        return Operated(
            prior, form, bundle.search, defaults, found.name, found.kernel, noise, self._estimates
        )

    def _recover_operated(
        self,
        operated: Operated,
        y: NDArray[Any],
        solver: str | None,
        wishes: Mapping[str, Any],
        starts: Restarts,
        progress: Progress | None,
    ) -> Recovery:
        channels, size = self.geometry[0], operated.operator.size
        planes = planes_of(y, size, channels)
        measurements = check_rows("measurements", "m", y, planes * channels * size)
        check_starts(starts.count, starts.seed)
        name = operated.solver(solver)
        if starts.latent is not None:
            k = planes * operated.prior.latent
            latent = self._start(starts.latent, len(measurements), k)
            starts = replace(starts, latent=apart(latent, planes))
        measurements = apart(measurements, planes)
        if starts.latent is None and name != LEARNED:
            starts = replace(starts, latent=operated.start(measurements))
        return joined(operated.recover(measurements, name, wishes, starts, progress), planes)

    def keep_estimate(self, operator: Operator, linear: Linear) -> None:
        """Use a linear estimate that is there already for an operator's next recoveries.

        Args:
            operator: A; the very object that is given to :meth:`recover`.
            linear: Its linear estimate, for the noise that is given there.
        """
        self._estimates.get(operator, linear.noise, lambda: linear)

    def linear_estimate(self, operator: Operator, noise: float = 0.0) -> Linear:
        """Return the linear estimate of photos that the learned search of an operator uses.

        Args:
            operator: A.
            noise: Standard deviation of the noise of a measurement, in the units of y.

        Raises:
            UsageError: A prior without a learned search.
        """
        search = self.bundle.search
        if search is None:
            found = f"{self.bundle.manifest.name!r}, which has none"
            raise UsageError("a prior with a learned search", found, "use a photo prior")

        def make() -> Linear:
            return linear_estimate(operator, search.covariance, noise)

        return self._estimates.get(operator, noise, make)

    def _check_own_sensing(self, solver: str) -> None:
        """Check that the bundle's own sensing network measured, and a solver that knows it."""
        if self.bundle.manifest.measurement.kind == NO_MEASUREMENT:
            raise UsageError(
                f"an operator: the prior {self.bundle.manifest.name!r} has no sensing network",
                "none",
                "give operator=, on the command line --operator",
            )
        if solver == LEARNED:
            raise UsageError(
                "an operator for the solver 'learned'", "none", "give operator=, or choose another"
            )

    def _start(self, latent: NDArray[Any], rows: int, k: int | None = None) -> FloatArray:
        k = self.bundle.manifest.latent if k is None else k
        start = check_rows("latents", "k", np.asarray(latent), k)
        if len(start) != rows:
            raise UsageError(
                f"{rows} start latents, one a measurement",
                f"{len(start)}",
                "give each measurement its latent",
            )
        return start


def check_rows(name: str, symbol: str, rows: NDArray[Any], size: int) -> FloatArray:
    """Check a batch of vectors and return it as float32 [B,size].

    Raises:
        UsageError: Wrong type or shape, NaN or Inf.
    """
    wanted = f"float {name} [B,{symbol}] with {symbol} = {size}"
    if rows.dtype.kind != "f":
        raise UsageError(wanted, f"dtype {rows.dtype}", "convert it to float32")
    if rows.ndim != 2 or rows.shape[1] != size or len(rows) == 0:
        todo = "sense with the same bundle" if symbol == "m" else "use this model's latents"
        raise UsageError(wanted, f"shape {rows.shape}", todo)
    checked = np.ascontiguousarray(rows, dtype=np.float32)
    if not np.isfinite(checked).all():
        bad = int(np.count_nonzero(~np.isfinite(checked).all(axis=1)))
        raise UsageError(
            f"finite {name}",
            f"NaN or Inf in {bad} of {len(rows)} rows",
            "check the sensor or the file",
        )
    return checked
