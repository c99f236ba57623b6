"""One call of ``bitprior train``: check everything, then train."""

import os
import resource
import sys
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bitprior_runtime.errors import UnwritableOutputError, UsageError
from bitprior_train.config import TrainConfig
from bitprior_train.data import Dataset, load_dataset
from bitprior_train.distributed import check_shares, joined, ranks_of
from bitprior_train.lock import exclusive, refuse_a_run
from bitprior_train.presets import RECIPES, SYSTEMS
from bitprior_train.settings import (
    Table,
    differences,
    merge,
    parse_override,
    read_preset,
    read_table,
    resolve,
    validate,
)

if TYPE_CHECKING:
    from bitprior_train.trainer import TrainResult


FLOAT = 32  # bits of a run whose weights are not quantised


@dataclass(frozen=True)
class Request:
    """What was asked for.

    Attributes:
        dataset: Name of the preset to start from.
        out: Folder of the run.
        system: Named system laid over the preset; None: the preset's own, SDLSS.
        recipe: Named recipe laid over that.
        config: TOML file laid over that.
        options: Table laid over that: the command line's named options.
        overrides: ``section.key=value`` texts laid over that.
        init_from: Run to start from.
        resume: Whether ``out`` holds a run to continue.
    """

    dataset: str
    out: Path
    system: str | None = None
    recipe: str | None = None
    config: Path | None = None
    options: dict[str, dict[str, Any]] = field(default_factory=dict)
    overrides: tuple[str, ...] = ()
    init_from: Path | None = None
    resume: bool = False


def train_run(request: Request) -> "TrainResult":
    """Check a request and its data, then train (or continue) the run.

    Under torchrun every process calls this; the first one writes the folder and validates.

    Raises:
        UsageError: An argument is wrong, the folder already holds a run (without ``resume``) or
            none (with it), or a resumed run was asked to change.
        MissingFileError: The data, the configuration or the run to start from is not there.
        CheckFailedError: The training loss became infinite or NaN.
    """
    config = resolve_config(request)
    check_folder(request)
    if not request.resume:
        check_following(config)
    if request.init_from:
        check_start(request.init_from, config)
    elif (name := config.follows) and not request.resume:
        raise UsageError(
            f"a trained 32-bit run to follow, as {name} is not 0",
            "none",
            f"name it with --init-from, or set {name}=0",
        )
    ranks = ranks_of()
    check_shares(config.optimiser.batch, ranks)
    if config.following.steps:
        check_shares(config.following.batch, ranks, "following.batch")
    images = config.data
    data = load_dataset(images.name, images.split_seed, images.validation, images.size)
    check_fits(config.optimiser.batch, data)

    from bitprior_train.device import choose_device  # torch: after everything else is checked
    from bitprior_train.trainer import Trainer, start_run

    device = choose_device(config.run, ranks.local)
    # All processes have to have checked before one of them makes the folder.
    with joined(ranks, device.type):
        if ranks.first and not request.resume:
            start_run(config, data, request.out, request.init_from)
        ranks.agree(True)
        with exclusive(request.out) if ranks.first else nullcontext():
            return Trainer(config, data, request.out, device, ranks).run()


def resolve_config(request: Request) -> TrainConfig:
    """Return the run's configuration; a resumed run's own.

    Laid over one another: preset, system, recipe, file, options, overrides.
    """
    preset = read_preset(request.dataset)
    stored = read_table(request.out / "config.toml") if request.resume else None
    base = preset if stored is None else stored
    over = _laid_over(request, base)
    if stored is None:
        return resolve(base, over)
    before = validate(stored)
    changed = differences(before, resolve(stored, over))
    if before.data.name != request.dataset:
        changed.insert(0, "data.name")
    if changed:
        raise UsageError(
            f"the configuration in {request.out / 'config.toml'} unchanged",
            f"other values of {', '.join(changed)}",
            "resume without these options, or start a new run in another folder",
        )
    return before


def _laid_over(request: Request, base: Table) -> list[Table]:
    """Return the tables that a request lays over ``base``, in order.

    What a recipe says of a prior to follow is meant for 1 to 4 bits: at 32 it says nothing of it.
    """
    system = read_preset(request.system, SYSTEMS) if request.system else {}
    recipe = read_preset(request.recipe, RECIPES) if request.recipe else {}
    file = read_table(request.config) if request.config else {}
    named = [file, request.options, *(parse_override(text) for text in request.overrides)]
    quantiser = reduce(merge, [base, system, recipe, *named]).get("quantiser")
    bits = quantiser.get("bits", FLOAT) if isinstance(quantiser, dict) else FLOAT
    return [system, _without_following(recipe) if bits == FLOAT else recipe, *named]


def _without_following(recipe: Table) -> Table:
    """Return a recipe without what makes a run follow another: a 32-bit one is what is followed."""
    kept = {name: table for name, table in recipe.items() if name != "following"}
    if "loss" in kept:
        kept["loss"] = {n: v for n, v in kept["loss"].items() if n != "distillation"}
    return kept


def announce(config: TrainConfig) -> None:
    """Say what of a configuration has no effect, on stderr."""
    if config.model.fixed_sensing:
        print(
            f"L_A is off: sensing {config.model.sensing!r} is a fixed matrix, not trained",
            file=sys.stderr,
        )


def check_folder(request: Request) -> None:
    """Refuse a folder that already holds a run (or, to resume, needs nothing but a run)."""
    out = request.out
    if request.resume:
        if request.init_from:
            raise UsageError(
                "--resume or --init-from", "both", "a resumed run has its weights: drop --init-from"
            )
        return
    refuse_a_run(out)
    there = next(p for p in (out, *out.absolute().parents) if p.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        found = "a folder that cannot be written to" if there.is_dir() else "a file"
        raise UnwritableOutputError(f"a writable folder {there}", found, "choose another --out")


def check_following(config: TrainConfig) -> None:
    """Refuse a 32-bit run that would follow a prior: it forgets nothing by being quantised."""
    if config.following.steps and config.quantiser.bits == FLOAT:
        raise UsageError(
            "following.steps=0 at 32 bits, as only a quantised generator follows its prior",
            str(config.following.steps),
            "set following.steps=0, or quantiser.bits to 1 to 4",
        )


def check_start(run: Path, config: TrainConfig) -> None:
    """Refuse a run to start from whose networks have other shapes."""
    before = validate(read_table(run / "config.toml"))
    names = ("latent", "hidden", "sensing", "sensing_seed", "sensing_hidden", "measurements")
    changed = [n for n in names if getattr(before.model, n) != getattr(config.model, n)]
    alike = ("name", "size")
    changed += [f"data.{n}" for n in alike if getattr(before.data, n) != getattr(config.data, n)]
    if (name := config.follows) and before.quantiser.bits != FLOAT:
        raise UsageError(
            f"a 32-bit run {run} to follow, as {name} is not 0",
            f"{before.quantiser.bits} bits",
            f"choose another run, or set {name}=0",
        )
    if changed:
        raise UsageError(
            f"a run to start from with the same {', '.join(changed)}",
            f"other values in {run / 'config.toml'}",
            "choose another run, or set these keys alike",
        )


def check_fits(batch: int, data: Dataset) -> None:
    """Refuse a batch larger than the training set."""
    if batch > len(data.train):
        raise UsageError(
            f"optimiser.batch of at most {len(data.train)}, the training images of {data.name}",
            str(batch),
            "lower it",
        )


def peak_memory_mib() -> float:
    """Return the largest memory this process has held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run_session(request: Request, *, json_mode: bool) -> None:
    """Train and print the result."""
    from bitprior_runtime.cli.output import emit

    first = ranks_of().first
    if first and not request.resume:
        announce(resolve_config(request))
    done = train_run(request)
    if not first:
        return
    psnr = done.psnr[max(done.psnr)]
    memory = peak_memory_mib()
    result = {
        "run": str(done.folder),
        "steps": done.steps,
        "validation_psnr": psnr,
        "validation_psnr_by_steps": {str(t): v for t, v in done.psnr.items()},
        "seconds": done.seconds,
        "ms_per_step": done.ms_per_step,
        "images_per_s": done.images_per_s,
        "peak_memory_mib": memory,
    }
    line = (
        f"Trained {done.steps} steps in {done.seconds:.1f} s ({done.ms_per_step:.1f} ms a step, "
        f"{done.images_per_s:.0f} images/s, peak memory {memory:.0f} MiB): "
        f"validation PSNR {psnr:.2f} dB; wrote {done.folder}"
    )
    emit(result, line, json_mode)
