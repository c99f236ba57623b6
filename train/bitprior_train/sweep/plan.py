"""Which runs a sweep is made of, and what each of them waits for."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import safetensors

from bitprior_runtime.errors import UsageError
from bitprior_train.config import TrainConfig
from bitprior_train.session import FLOAT, Request, resolve_config
from bitprior_train.settings import differences, read_table, validate


@dataclass(frozen=True)
class Question:
    """What was asked for.

    Attributes:
        dataset: Name of the preset that all runs start from.
        out: Folder of the runs' folders.
        bits: Bit widths.
        measurements: Values of m; empty: the preset's.
        sparsity: Values of s; empty: the preset's.
        seeds: Seeds; empty: the preset's.
        system: Named system laid over the preset in every run.
        recipe: Named recipe laid over that.
        config: TOML file laid over that.
        overrides: ``section.key=value`` texts laid over that, before what the axes say.
        init_from_32: Whether runs of 1 to 4 bits start from that of 32 bits with the same m, s and
            seed, which then is one of the sweep's, asked for or not.
    """

    dataset: str
    out: Path
    bits: tuple[int, ...]
    measurements: tuple[int, ...] = ()
    sparsity: tuple[int, ...] = ()
    seeds: tuple[int, ...] = ()
    system: str | None = None
    recipe: str | None = None
    config: Path | None = None
    overrides: tuple[str, ...] = ()
    init_from_32: bool = False


@dataclass(frozen=True)
class Job:
    """One run of a sweep.

    Attributes:
        name: Of its folder, made of data set, m, s, seed and bits.
        request: What ``bitprior train`` is asked for.
        config: Its configuration.
        after: Name of the run it starts from, or None.
    """

    name: str
    request: Request
    config: TrainConfig
    after: str | None = None


def plan(question: Question) -> list[Job]:
    """Return the runs of a sweep, each after the one it starts from.

    Raises:
        UsageError: A configuration is wrong, or a folder has a run with another one.
    """
    widths = dict.fromkeys(question.bits)
    if question.init_from_32:
        widths = {FLOAT: None, **widths}
    axes = [
        dict.fromkeys(values) or (None,)
        for values in (question.measurements, question.sparsity, question.seeds)
    ]
    jobs = [job for point in product(*axes) for job in _group(question, tuple(widths), point)]
    for job in jobs:
        _check_folder(job)
    return jobs


def _group(
    question: Question, widths: tuple[int, ...], point: tuple[int | None, ...]
) -> Iterator[Job]:
    """Yield the runs of one (m, s, seed)."""
    float_job = None
    for bits in widths:
        job = _job(question, bits, point, float_job)
        if question.init_from_32 and bits == FLOAT:
            float_job = job
        yield job


def _job(question: Question, bits: int, point: tuple[int | None, ...], start: Job | None) -> Job:
    keys = ("model.measurements", "model.sparsity", "run.seed")
    axes = [f"{key}={value}" for key, value in zip(keys, point, strict=True) if value is not None]
    axes.append(f"quantiser.bits={bits}")
    if bits == FLOAT:  # a recipe with distillation means: of the lower widths, from this run
        axes += ["loss.distillation=0", "following.steps=0"]
    draft = Request(
        question.dataset,
        question.out,
        system=question.system,
        recipe=question.recipe,
        config=question.config,
        overrides=(*question.overrides, *axes),
        init_from=start.request.out if start else None,
    )
    config = resolve_config(draft)
    if (name := config.follows) and start is None:
        raise UsageError(
            f"runs that start from one of 32 bits, as {name} is not 0",
            "runs from scratch",
            f"add --init-from-32, or set {name}=0",
        )
    model = config.model
    name = (
        f"{question.dataset}-m{model.measurements}-s{model.sparsity}"
        f"-seed{config.run.seed}-{bits}bit"
    )
    request = replace(draft, out=question.out / name)
    return Job(name, request, config, start.name if start else None)


def _check_folder(job: Job) -> None:
    """Refuse to take a run of another kind for the one that was asked for."""
    folder = job.request.out
    if not (folder / "config.toml").exists():
        return
    changed = differences(validate(read_table(folder / "config.toml")), job.config)
    if (job.after is None) != (_started_from(folder) is None):
        changed.append("the run it starts from")
    if changed:
        raise UsageError(
            f"in {folder} the run that was asked for, or none",
            f"one with another value of {', '.join(changed)}",
            "choose another --out, or ask for what is there",
        )


def _started_from(folder: Path) -> str | None:
    with safetensors.safe_open(folder / "checkpoint.safetensors", framework="np") as file:
        start: str | None = json.loads(file.metadata()["meta"])["init_from"]
    return start
