"""One call of ``bitprior train DATASET --prior linear-residual``: check everything, then train."""

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from bitprior_runtime.errors import UsageError
from bitprior_train.data import load_dataset
from bitprior_train.lock import exclusive
from bitprior_train.presets import PRIORS
from bitprior_train.residual.config import ResidualConfig
from bitprior_train.session import Request, check_fits, check_folder
from bitprior_train.settings import merge, parse_override, read_preset, read_table, usage_error

if TYPE_CHECKING:
    from bitprior_train.residual.trainer import ResidualResult

KIND = "linear-residual"


def train_residual(request: Request) -> "ResidualResult":
    """Check a request and its data, then train (or continue) the run.

    Args:
        request: As for ``bitprior train``; ``system`` and ``recipe`` do not go with it.

    Raises:
        UsageError: An argument is wrong, or does not go with such a prior.
        MissingFileError: The data, the configuration or the run to start from is not there.
        CheckFailedError: The training loss became infinite or NaN.
    """
    config = resolve_residual(request)
    check_folder(request)
    _check_start(config, request)
    images = config.data
    data = load_dataset(
        images.name, images.split_seed, images.validation, images.size, images.extra
    )
    check_fits(config.optimiser.batch, data)
    _check_geometry(config, data.geometry)

    from bitprior_train.residual.trainer import ResidualTrainer, start_residual

    if not request.resume:
        start_residual(config, data, request.out, request.init_from)
    with exclusive(request.out):
        return ResidualTrainer(config, data, request.out).run()


def resolve_residual(request: Request) -> ResidualConfig:
    """Return the run's configuration; a resumed run's own.

    Laid over one another: the images of the data set's preset, the prior's preset, the file,
    options and overrides.
    """
    for name, given in (("--system", request.system), ("--preset", request.recipe)):
        if given:
            raise UsageError(f"--prior or {name}", "both", f"drop {name}")
    if request.resume:
        return _validate(read_table(request.out / "config.toml"))
    table = merge({"data": read_preset(request.dataset)["data"]}, read_preset(KIND, PRIORS))
    over = [read_table(request.config)] if request.config else []
    over += [request.options, *(parse_override(text) for text in request.overrides)]
    for layer in over:
        table = merge(table, layer)
    return _validate(table)


def _validate(table: dict[str, Any]) -> ResidualConfig:
    try:
        return ResidualConfig.model_validate(table)
    except ValidationError as error:
        raise usage_error(error, ResidualConfig) from error


def _check_start(config: ResidualConfig, request: Request) -> None:
    if request.init_from is None:
        return
    before = _validate(read_table(request.init_from / "config.toml"))
    names = ("filters", "blocks", "stride")
    changed = [n for n in names if getattr(before.model, n) != getattr(config.model, n)]
    if changed or before.model.measurements < config.model.measurements:
        found = {n: getattr(before.model, n) for n in (*names, "measurements")}
        raise UsageError(
            "a run to start from with the same [model], and at least as many measurements",
            ", ".join(f"{name} {value}" for name, value in found.items()),
            "choose another run, or set the keys of [model] alike",
        )


def _check_geometry(config: ResidualConfig, geometry: tuple[int, int, int]) -> None:
    channels, height, width = geometry
    stride, m = config.model.stride, config.model.measurements
    if height % stride or width % stride:
        raise UsageError(
            f"images whose sides are multiples of model.stride, {stride}",
            f"{height} x {width}",
            "set data.size",
        )
    if m > channels * height * width:
        raise UsageError(
            f"at most {channels * height * width} measurements, an image's values",
            str(m),
            "lower model.measurements",
        )


def run_residual_session(request: Request, *, json_mode: bool) -> None:
    """Train and print the result."""
    from bitprior_runtime.cli.output import emit

    done = train_residual(request)
    quality = done.quality
    result = {
        "run": str(done.folder),
        "prior": KIND,
        "steps": done.steps,
        "validation_psnr": max(quality.psnr),
        "validation_psnr_by_steps": {str(t): v for t, v in enumerate(quality.psnr)},
        "recovery_steps": quality.steps,
        "step_size": quality.step_size,
        "seconds": done.seconds,
    }
    line = (
        f"Trained {KIND} for {done.steps} steps in {done.seconds:.1f} s: validation PSNR "
        f"{quality.psnr[0]:.2f} dB at z = y, {quality.psnr[quality.steps]:.2f} dB after "
        f"{quality.steps} gradient steps"
    )
    emit(result, f"{line}; wrote {done.folder}", json_mode)
