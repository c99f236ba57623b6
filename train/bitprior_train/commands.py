"""The verbs of the train house. Importing this loads no torch: the command line starts fast."""

from pathlib import Path
from typing import Annotated, Any

import typer

from bitprior_runtime.cli.verbs import add_verb
from bitprior_train.demo.command import demo
from bitprior_train.evaluate_command import evaluate
from bitprior_train.surgery.command import compare_methods
from bitprior_train.sweep.command import sweep

_PACKAGES = ("torch", "brevitas", "pydantic", "tensorboard")


def register(app: typer.Typer) -> None:
    """Add ``train``, ``sweep``, ``evaluate``, ``compare-methods`` and ``demo``."""
    add_verb(app, "train", train, extra="train", packages=_PACKAGES)
    add_verb(app, "sweep", sweep, extra="train", packages=_PACKAGES)
    add_verb(app, "evaluate", evaluate, extra="train", packages=("sklearn", "skimage"))
    add_verb(app, "compare-methods", compare_methods, extra="train", packages=_PACKAGES)
    add_verb(app, "demo", demo, extra="all", packages=("torch", "brevitas", "qonnx", "matplotlib"))


def train(
    dataset: Annotated[str, typer.Argument(help="Data set, and preset, to train on.")],
    out: Annotated[Path, typer.Option(help="Folder of the run, made if missing.")],
    system: Annotated[
        str | None, typer.Option(help="sdlss (default; with 1-4 bits Q-GEN) or dcs.")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="Recipe: paper (LinearQuantize) or best (learned scales).")
    ] = None,
    prior: Annotated[
        str | None,
        typer.Option(
            help="linear-residual, with linear sensing; or one without sensing, to be cut: dcgan, "
            "began or vae."
        ),
    ] = None,
    bits: Annotated[int | None, typer.Option(help="Bit width of the weights: 1-4 or 32.")] = None,
    measurements: Annotated[int | None, typer.Option(help="m, length of y.")] = None,
    sparsity: Annotated[int | None, typer.Option(help="s, non-zeros of z that are kept.")] = None,
    steps: Annotated[int | None, typer.Option(help="Training steps.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the run.")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file laid over the preset.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="section.key=value; may be repeated.")
    ] = None,
    init_from: Annotated[
        Path | None, typer.Option(help="Run to take the starting weights from.")
    ] = None,
    resume: Annotated[bool, typer.Option(help="Continue the run in --out.")] = False,
    json_mode: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Train a quantised generative prior and its sensing network."""
    from bitprior_train.session import Request, run_session

    named: dict[str, dict[str, Any]] = {
        "quantiser": {"bits": bits},
        "model": {"measurements": measurements, "sparsity": sparsity},
        "optimiser": {"steps": steps},
        "run": {"seed": seed},
    }
    given = {s: {k: v for k, v in t.items() if v is not None} for s, t in named.items()}
    request = Request(
        dataset=dataset,
        out=out,
        system=system,
        recipe=preset,
        config=config,
        options={s: t for s, t in given.items() if t},
        overrides=tuple(set_ or ()),
        init_from=init_from,
        resume=resume,
    )
    if prior == "linear-residual":
        from bitprior_train.residual.session import run_residual_session

        run_residual_session(request, json_mode=json_mode)
        return
    if prior:
        from bitprior_train.photo.session import is_photo, run_photo_session

        if is_photo(prior):
            run_photo_session(request, prior, json_mode=json_mode)
            return
        from bitprior_train.priors.session import run_prior_session

        run_prior_session(request, prior, json_mode=json_mode)
        return
    run_session(request, json_mode=json_mode)
