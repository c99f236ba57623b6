"""One call of ``bitprior train photos --prior photo``: check everything, then train."""

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from bitprior_runtime.errors import MissingFileError, UsageError
from bitprior_train.lock import exclusive
from bitprior_train.photo.config import FLOAT, PhotoConfig
from bitprior_train.presets import PRIORS
from bitprior_train.session import Request, check_folder
from bitprior_train.settings import merge, parse_override, read_preset, read_table, usage_error

if TYPE_CHECKING:
    from bitprior_train.photo.trainer import PhotoResult

PRIOR = "photo"
DATASETS = ("photos", "dead-leaves")


def is_photo(prior: str) -> bool:
    """Return whether ``--prior`` names a prior of whole photos."""
    return prior == PRIOR or prior.startswith(f"{PRIOR}-")


def train_photo(request: Request, prior: str) -> "PhotoResult":
    """Check a request and its photos, then train (or continue) the run.

    Args:
        request: As for ``bitprior train``; ``system`` and ``recipe`` do not go with it.
        prior: ``photo``, or the name of a preset such as ``photo-4bit``.

    Raises:
        UsageError: An argument is wrong, or does not go with a photo prior.
        MissingFileError: The photos, the configuration or the run to start from is not there.
        CheckFailedError: The training loss became infinite or NaN.
    """
    config = resolve_photo(request, prior)
    check_folder(request)
    _check_start(config, request)

    from bitprior_train.photo.photos import open_photos
    from bitprior_train.photo.trainer import PhotoTrainer, start_photo

    sets = open_photos(config.data.name)
    if not request.resume:
        start_photo(config, sets, request.out, request.init_from)
    with exclusive(request.out):
        return PhotoTrainer(config, sets, request.out).run()


def resolve_photo(request: Request, prior: str) -> PhotoConfig:
    """Return the run's configuration; a resumed run's own.

    Laid over one another: preset ``photo``, that of the bit width, file, options, overrides.
    """
    for name, given in (("--system", request.system), ("--preset", request.recipe)):
        if given:
            raise UsageError(f"--prior or {name}", "both", f"drop {name}: it is for sensing")
    if request.dataset not in DATASETS:
        raise UsageError(
            f"a data set of photos, {' or '.join(DATASETS)}, for --prior {PRIOR}",
            repr(request.dataset),
            "choose one of them",
        )
    over = _options(request)
    if request.resume:
        stored = _validate(read_table(request.out / "config.toml"))
        wanted: dict[str, Any] = stored.model_dump(mode="json")
        for layer in over:
            wanted = merge(wanted, layer)
        if _validate(wanted) != stored or stored.data.name != request.dataset:
            raise UsageError(
                f"the configuration in {request.out / 'config.toml'} unchanged",
                "other values",
                "resume without these options, or start a new run in another folder",
            )
        return stored
    bits = request.options.get("quantiser", {}).get("bits", FLOAT)
    named = prior if prior != PRIOR or bits == FLOAT else f"{PRIOR}-{bits}bit"
    table = merge(read_preset(PRIOR, PRIORS), read_preset(named, PRIORS))
    for layer in ({"data": {"name": request.dataset}}, *over):
        table = merge(table, layer)
    return _validate(table)


def _options(request: Request) -> list[dict[str, Any]]:
    """Return the tables that a request lays over its preset, ``--bits`` as ``model.bits``."""
    given = {name: table for name, table in request.options.items() if name != "quantiser"}
    if bits := request.options.get("quantiser", {}):
        given = merge(given, {"model": bits})
    over = [read_table(request.config)] if request.config else []
    return [*over, given, *(parse_override(text) for text in request.overrides)]


def _validate(table: dict[str, Any]) -> PhotoConfig:
    try:
        return PhotoConfig.model_validate(table)
    except ValidationError as error:
        raise usage_error(error, PhotoConfig) from error


def _check_start(config: PhotoConfig, request: Request) -> None:
    if request.init_from is None:
        if config.loss.distillation and not request.resume:
            raise UsageError(
                "a trained prior to follow, as loss.distillation is not 0",
                "none",
                "name its run with --init-from, or set loss.distillation=0",
            )
        return
    if not (request.init_from / "checkpoint.safetensors").is_file():
        raise MissingFileError(
            f"the checkpoint of a run {request.init_from}", "none", "check the name of --init-from"
        )


def run_photo_session(request: Request, prior: str, *, json_mode: bool) -> None:
    """Train and print the result."""
    from bitprior_runtime.cli.output import emit

    done = train_photo(request, prior)
    result = {
        "run": str(done.folder),
        "prior": PRIOR,
        "steps": done.steps,
        "validation": done.psnr,
        "seconds": done.seconds,
    }
    psnr = ", ".join(
        f"{name.removeprefix('psnr_')} {value:.2f}"
        for name, value in done.psnr.items()
        if name.startswith("psnr_")
    )
    line = f"Trained {done.steps} steps in {done.seconds:.1f} s: validation PSNR {psnr} dB"
    emit(result, f"{line}; wrote {done.folder}", json_mode)
