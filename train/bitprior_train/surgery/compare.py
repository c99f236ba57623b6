"""One call of ``bitprior compare-methods``: every trial on every operator, row by row."""

import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bitprior_runtime.cli.output import emit
from bitprior_runtime.errors import UsageError
from bitprior_train.evaluate_rows import machine
from bitprior_train.metrics import psnr
from bitprior_train.provenance import commit
from bitprior_train.settings import merge, parse_override
from bitprior_train.surgery.experiments import (
    Experiment,
    Trial,
    check_experiment,
    noise_of,
    operators,
    trials,
)
from bitprior_train.surgery.images import (
    Images,
    Part,
    choose_images,
    geometry_of,
    validation_images,
)
from bitprior_train.surgery.prior import load_prior
from bitprior_train.surgery.problem import Method, Problem, Recovered, clamped_loss, measure
from bitprior_train.surgery.registry import Task, make_method
from bitprior_train.surgery.results import KIND, ComparisonFile


@dataclass(frozen=True)
class Comparison:
    """What was asked.

    Attributes:
        runs: Folders of priors.
        methods: Keys of methods.
        experiment: One of ``EXPERIMENTS``.
        measurements: m of each Gaussian operator; none: the experiment's own.
        dataset: Data set, or ``own samples``.
        part: Part of the data set; None: ``validation`` to select cuts, else ``test``.
        images: How many, from the front.
        restarts: Starts per image; the lowest measurement loss wins.
        seed: Of A, noise and starts.
        overrides: Settings other than the paper's, e.g. ``gs.iterations=100``.
        out: JSON file.
    """

    runs: Sequence[Path]
    methods: Sequence[str]
    out: Path
    experiment: str = "gaussian"
    measurements: Sequence[int] = ()
    dataset: str = "celeba64"
    part: Part | None = None
    images: int = 50
    restarts: int = 3
    seed: int = 0
    overrides: Sequence[str] = ()

    @property
    def command(self) -> str:
        """The command line that asks it again, in the folder of the runs."""
        words = ["bitprior", "compare-methods", *(run.resolve().name for run in self.runs)]
        words += ["--methods", ",".join(self.methods), "--experiment", self.experiment]
        if self.measurements:
            words += ["--measurements", ",".join(map(str, self.measurements))]
        words += ["--dataset", self.dataset, *(("--part", self.part) if self.part else ())]
        for name in ("images", "restarts", "seed"):
            words += [f"--{name}", str(getattr(self, name))]
        for override in self.overrides:
            words += ["--set", override]
        return shlex.join([*words, "--out", self.out.name])


def compare(asked: Comparison) -> dict[str, Any]:
    """Check everything, then recover; what the file holds already is skipped.

    Args:
        asked: The comparison. A line on stderr tells of every finished row.

    Returns:
        What the file holds now.

    Raises:
        UsageError: The priors, the images, the methods and the file do not fit each other.
        MissingFileError: A run or the data set is not there.
    """
    experiment = check_experiment(asked.experiment)
    if asked.restarts < 1:
        raise UsageError("1 restart or more", f"{asked.restarts}", "change --restarts")
    priors = [load_prior(run) for run in asked.runs]
    settings: dict[str, Any] = {}
    for override in asked.overrides:
        settings = merge(settings, parse_override(override))
    plan = trials(experiment, asked.methods, priors, settings)
    methods = [_make(trial, experiment) for trial in plan]
    # Before any ran: a method may note more while it runs.
    given = [dict(method.settings) for method in methods]
    part = asked.part or ("validation" if experiment == "cuts" else "test")
    images = choose_images(asked.dataset, part, asked.images, priors)
    file = ComparisonFile(asked.out, _header(asked, images), images.truth)
    for operator in operators(experiment, asked.measurements, geometry_of(images), asked.seed):
        problem = measure(operator, images.truth, asked.seed, noise_of(experiment))
        for trial, method, known in zip(plan, methods, given, strict=True):
            row = _key(trial, method, problem, asked) | {"settings": known}
            if not file.holds(row):
                found, figures = _run(method, problem, images, asked)
                file.add(row | figures, found.images)
                print(_line(row | figures), file=sys.stderr, flush=True)
    return file.document


def run_comparison(asked: Comparison, *, json_mode: bool) -> None:
    """Compare and print the figures."""
    document = compare(asked)
    lines = [_line(row) for row in document["rows"]]
    emit(document, "\n".join([*lines, f"Compared {len(lines)} rows; wrote {asked.out}"]), json_mode)


def _make(trial: Trial, experiment: Experiment) -> Method:
    prior = trial.prior
    if prior is None:
        return make_method(trial.method, None, trial.options)
    task = Task(prior, experiment == "raw", lambda: validation_images(prior))
    return make_method(trial.method, task, trial.options)


def _header(asked: Comparison, images: Images) -> dict[str, Any]:
    return {
        "kind": KIND,
        "experiment": asked.experiment,
        "dataset": images.dataset,
        "part": images.part,
        "split_hash": images.split_hash,
        "licence": images.licence,
        "seed": asked.seed,
        "measuring": "one operator A for all images and methods of an m; noise drawn once for "
        "each image and m; every method and restart gets the same y",
        "command": asked.command,
        "machine": machine(),
        "commit": commit(),
    }


def _key(trial: Trial, method: Method, problem: Problem, asked: Comparison) -> dict[str, Any]:
    """Return what is known of a row before it is worked out."""
    prior, operator, settings = trial.prior, problem.operator, method.settings
    return {
        "method": method.name,
        "prior": prior.kind if prior else None,
        "prior_run": prior.run if prior else None,
        "bits": prior.config.quantiser.bits if prior else None,
        "filters": prior.config.model.filters if prior else None,
        "cut": settings.get("cut", 0) if prior else None,
        "init": settings.get("init") if prior else None,
        "operator": operator.name,
        "m": operator.measurements,
        "n": operator.pixels,
        "images": len(problem.y),
        "restarts": asked.restarts,
    }


def _run(
    method: Method, problem: Problem, images: Images, asked: Comparison
) -> tuple[Recovered, dict[str, Any]]:
    begin = time.perf_counter()
    found = method.recover(problem, asked.seed, asked.restarts)
    seconds = time.perf_counter() - begin
    values = psnr(found.images.numpy(), images.truth.numpy())
    spread = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return found, {
        "psnr": {"mean": float(values.mean()), "sd": spread, "values": values.tolist()},
        "loss": float(clamped_loss(problem, found.images).mean()),
        "variables": found.variables,
        "seconds": seconds,
        "settings": dict(method.settings),
    }


def _line(row: dict[str, Any]) -> str:
    """Return a row for people."""
    prior = f", {row['prior_run']} cut {row['cut']}" if row["prior"] else ""
    init = f" from {row['init']}" if row["init"] else ""
    quality = f"{row['psnr']['mean']:.2f} dB, sd {row['psnr']['sd']:.2f}"
    return f"{row['method']}{prior}{init}, {row['operator']}: {quality}, {row['seconds']:.1f} s"
