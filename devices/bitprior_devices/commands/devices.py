"""``bitprior devices``: the boards there are profiles of."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from bitprior_runtime.cli.output import JsonFlag, emit
from bitprior_runtime.profiles import OnnxSupport, Profile, load_profile, profile_names


def run(
    name: Annotated[str | None, typer.Argument(help="One device; without it, all.")] = None,
    profiles: Annotated[
        Path | None, typer.Option(help="Folder of your own; default: ~/.config/bitprior/profiles.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """List the boards there are profiles of; of one, all that is known and who says so."""
    names = [name] if name else profile_names(profiles)
    loaded = [load_profile(each, profiles) for each in names]
    lines = [_line(profile) for profile in loaded]
    if name:
        lines += _figure_lines(loaded[0]) + _onnx_lines(loaded[0].onnx)
    emit({"devices": [asdict(profile) for profile in loaded]}, "\n".join(lines), json)


def _line(profile: Profile) -> str:
    memory = f"{profile.memory_mib} MiB or more" if profile.memory_mib else "any memory"
    trust = "" if profile.verified else f" (unverified: {profile.source})"
    return f"{profile.name:<22} {profile.title}: {profile.cores}, {memory}{trust}"


def _figure_lines(profile: Profile) -> list[str]:
    lines = [
        f"  {figure.name}: {figure.value} ({_trust(figure.verified)}{figure.source})"
        for figure in profile.figures
    ]
    lines += [
        f"  {'works' if report.works else 'fails'} {report.package} {report.version} "
        f"({_trust(report.verified)}{report.source})"
        for report in profile.runtimes
    ]
    return [*lines, f"  engines, by preference: {', '.join(profile.engines)}"]


def _trust(verified: bool) -> str:
    return "" if verified else "unverified: "


def _onnx_lines(onnx: OnnxSupport) -> list[str]:
    versions = f"opset {onnx.opset}, IR {onnx.ir_version}"
    rows = f"batch {onnx.batch}" if onnx.batch else "any batch"
    half = f", {' and '.join(onnx.half)} in float16" if onnx.half else ""
    return [
        f"  ONNX files: {', '.join(onnx.files)}; {versions}, {rows}{half}",
        f"  runtime: {onnx.runtime}; {', '.join(onnx.providers)}",
        f"  {_trust(onnx.verified)}{onnx.source}",
    ]
