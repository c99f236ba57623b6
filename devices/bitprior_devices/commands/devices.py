"""``bitprior devices``: the boards there are profiles of."""

from dataclasses import asdict
from typing import Annotated

import typer

from bitprior_runtime.cli.output import JsonFlag, emit
from bitprior_runtime.profiles import OnnxSupport, Profile, load_profile, profile_names


def run(
    name: Annotated[str | None, typer.Argument(help="One device; without it, all.")] = None,
    json: JsonFlag = False,
) -> None:
    """List the boards bitprior has a profile of."""
    profiles = [load_profile(each) for each in ([name] if name else profile_names())]
    lines = [_line(profile) for profile in profiles]
    if name:
        lines += _onnx_lines(profiles[0].onnx)
    emit({"devices": [asdict(profile) for profile in profiles]}, "\n".join(lines), json)


def _line(profile: Profile) -> str:
    memory = f"{profile.memory_mib} MiB or more" if profile.memory_mib else "any memory"
    trust = "" if profile.verified else f" (unverified: {profile.source})"
    return f"{profile.name:<22} {profile.title}: {profile.cores}, {memory}{trust}"


def _onnx_lines(onnx: OnnxSupport) -> list[str]:
    versions = f"opset {onnx.opset}, IR {onnx.ir_version}"
    rows = f"batch {onnx.batch}" if onnx.batch else "any batch"
    half = f", {' and '.join(onnx.half)} in float16" if onnx.half else ""
    trust = "" if onnx.verified else "unverified: "
    return [
        f"  ONNX files: {', '.join(onnx.files)}; {versions}, {rows}{half}",
        f"  runtime: {onnx.runtime}; {', '.join(onnx.providers)}",
        f"  {trust}{onnx.source}",
    ]
