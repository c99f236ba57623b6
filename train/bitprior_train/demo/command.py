"""The verb ``bitprior demo``. Importing this loads no torch: the command line starts fast."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from bitprior_runtime.cli.output import JsonFlag, emit
from bitprior_runtime.files import check_folder


def demo(
    out: Annotated[Path, typer.Option(help="Folder of the bundles and the report.")] = Path("demo"),
    seed: Annotated[int, typer.Option(help="Seed of everything.", min=0)] = 0,
    steps: Annotated[int, typer.Option(help="Training steps of each stage.", min=1)] = 750,
    photo_prior: Annotated[
        list[Path] | None,
        typer.Option(
            help="Prior for the photo; may be repeated. Default: photo-4bit and photo-1bit."
        ),
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Recover a photo with the zoo's priors; train priors of all widths on digits and use them."""
    check_folder(out)
    from bitprior_train.demo.photo import usual_priors
    from bitprior_train.demo.run import run_demo
    from bitprior_train.demo.text import as_json, print_result

    command = shlex.join(["bitprior", *sys.argv[1:]])
    result = run_demo(
        out,
        seed,
        steps,
        command,
        usual_priors() if photo_prior is None else photo_prior,
        say=lambda line: print(line, file=sys.stderr),
    )
    if json:
        emit(as_json(result), "", json_mode=True)
    else:
        print_result(result, str(out))
