"""One call of ``bitprior train DATASET --prior KIND``: check everything, then train."""

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from bitprior_runtime.errors import UsageError
from bitprior_train.data import Dataset, load_dataset
from bitprior_train.lock import exclusive
from bitprior_train.presets import PRIORS
from bitprior_train.priors.config import PriorConfig
from bitprior_train.session import Request, check_fits, check_folder
from bitprior_train.settings import merge, parse_override, read_preset, read_table, usage_error

if TYPE_CHECKING:
    from bitprior_train.priors.trainer import PriorResult


def train_prior(request: Request, prior: str) -> "PriorResult":
    """Check a request and its data, then train (or continue) the run.

    Args:
        request: As for ``bitprior train``; ``system`` and ``recipe`` do not go with it.
        prior: ``dcgan``, ``began`` or ``vae``.

    Raises:
        UsageError: An argument is wrong, or does not go with a prior.
        MissingFileError: The data, the configuration or the run to start from is not there.
        CheckFailedError: A training loss became infinite or NaN.
    """
    config = resolve_prior(request, prior)
    check_folder(request)
    _check_start(config, request)
    images = config.data
    data = load_dataset(images.name, images.split_seed, images.validation, images.size)
    _check_images(data)
    check_fits(config.optimiser.batch, data)

    from bitprior_train.priors.trainer import PriorTrainer, start_prior

    if not request.resume:
        start_prior(config, data, request.out, request.init_from)
    with exclusive(request.out):
        return PriorTrainer(config, data, request.out).run()


def resolve_prior(request: Request, prior: str) -> PriorConfig:
    """Return the run's configuration; a resumed run's own."""
    for name, given in (("--system", request.system), ("--preset", request.recipe)):
        if given:
            raise UsageError(f"--prior or {name}", "both", f"drop {name}: it is for sensing")
    if request.resume:
        return _validate(read_table(request.out / "config.toml"))
    images = {k: v for k, v in read_preset(request.dataset)["data"].items() if k != "size"}
    base = {"data": images}  # as large as they are stored
    table = merge(base, read_preset(prior, PRIORS))
    over = [read_table(request.config)] if request.config else []
    over += [request.options, *(parse_override(text) for text in request.overrides)]
    for layer in over:
        table = merge(table, layer)
    return _validate(table)


def _validate(table: dict[str, Any]) -> PriorConfig:
    try:
        return PriorConfig.model_validate(table)
    except ValidationError as error:
        raise usage_error(error, PriorConfig) from error


def _check_start(config: PriorConfig, request: Request) -> None:
    if request.init_from is None:
        if config.quantiser.bits != 32 and not request.resume:
            raise UsageError(
                "a trained 32-bit prior to follow, as quantiser.bits is not 32",
                "none",
                "name its run with --init-from",
            )
        return
    before = _validate(read_table(request.init_from / "config.toml"))
    if before.quantiser.bits != 32 or before.model != config.model:
        raise UsageError(
            "a 32-bit run to start from, with the same [model]",
            f"{before.quantiser.bits} bits, {before.model!r}",
            "choose another run, or set the keys of [model] alike",
        )


def _check_images(data: Dataset) -> None:
    channels, height, width = data.geometry
    if channels != 3 or height != width:
        raise UsageError(
            "square images of 3 channels for a prior",
            f"{channels} x {height} x {width}",
            "use another data set",
        )


def run_prior_session(request: Request, prior: str, *, json_mode: bool) -> None:
    """Train and print the result."""
    from bitprior_runtime.cli.output import emit

    done = train_prior(request, prior)
    result = {
        "run": str(done.folder),
        "prior": prior,
        "steps": done.steps,
        "losses": done.losses,
        "seconds": done.seconds,
    }
    losses = ", ".join(f"{name} {value:.4g}" for name, value in done.losses.items())
    line = f"Trained {prior} for {done.steps} steps in {done.seconds:.1f} s: {losses}"
    emit(result, f"{line}; wrote {done.folder}", json_mode)
