"""Arguments and options that several verbs have."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

BundleArgument: TypeAlias = Annotated[
    Path, typer.Argument(help="A .bitprior file, or a name: bitprior zoo.")
]
EngineOption: TypeAlias = Annotated[
    str, typer.Option(help="float, integer, onnx; auto: the fastest by a measured probe.")
]
KernelOption: TypeAlias = Annotated[
    str, typer.Option(help="numpy or native; auto: native where it works.")
]
ThreadsOption: TypeAlias = Annotated[int | None, typer.Option(help="Threads of the engine.", min=1)]
SolverOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="proximal, fista, adam, lbfgs, gauss-newton; with --operator: learned. Default: the "
        "bundle's."
    ),
]
OperatorOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="Measure photos of any size by blocks:matrix=FILE.npz#KEY,size=33 or "
        "matrix:FILE.npy, not by the bundle's sensing network."
    ),
]
