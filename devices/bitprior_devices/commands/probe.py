"""``bitprior probe``: what a board is, what runs on it, and whether a bundle fits."""

from pathlib import Path
from typing import Annotated, Any

import typer

from bitprior_devices.commands.options import AcceptOption
from bitprior_devices.probing.ask import ask_all
from bitprior_devices.probing.report import Report, make_report
from bitprior_devices.progress import show_step
from bitprior_devices.ssh import accept_host_key, parse_destination
from bitprior_runtime.cli.elsewhere import RootOption, SshConfigOption
from bitprior_runtime.cli.output import JsonFlag, emit
from bitprior_runtime.model import load
from bitprior_runtime.profiles import profile_names

# CPU features that some kernel, ours or onnxruntime's, asks for.
_FEATURES = {"asimd", "asimddp", "asimdhp", "atomics", "i8mm", "sve", "sme"}
_FEATURES |= {"avx2", "fma", "avx512f", "avx512_vnni"}


def run(
    board: Annotated[
        str | None, typer.Argument(help="host or user@host; without it, this machine.")
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option(help="A .bitprior file: does it fit in memory?")
    ] = None,
    python: Annotated[
        str | None,
        typer.Option(help="Python whose packages to try; default: of the deployed bundle."),
    ] = None,
    profiles: Annotated[Path | None, typer.Option(help="Folder of profiles of your own.")] = None,
    accept: AcceptOption = None,
    root: RootOption = None,
    ssh_config: SshConfigOption = None,
    json: JsonFlag = False,
) -> None:
    """Look at a board: model, memory, libraries, engine, and whether a bundle fits."""
    profile_names(profiles)  # a missing folder is said before any connection
    model = None if bundle is None else load(bundle)
    destination = None if board is None else parse_destination(board, ssh_config)
    if destination is not None and accept is not None:
        accept_host_key(destination, accept)
    answer = ask_all(destination, show_step, root, python)
    report = make_report(answer, model, profiles)
    emit(report.as_json(), _text(report), json)


def _text(report: Report) -> str:
    lines = [*_board(report.facts), f"  state     {report.state_line}"]
    lines += [f"  camera    {each['device']} {each['name']}" for each in report.facts["cameras"]]
    lines.append(f"  profile   {report.profile_line}")
    lines += [f"  {_trial(trial)}" for trial in report.trials]
    lines.append(f"  engine    {report.engine or 'none: no engine works with what is there'}")
    lines += [f"  note      {note}" for note in report.notes]
    if report.memory_line:
        lines.append(f"  bundle    {report.memory_line}")
    return "\n".join(lines)


def _board(facts: dict[str, Any]) -> list[str]:
    cpu, memory = facts["cpu"], facts["memory_mib"]
    name = cpu["name"] or facts["machine"]
    system, python = facts["system"] or "unknown system", facts["python"]["version"]
    features = [feature for feature in cpu["features"] if feature in _FEATURES]
    free = facts["disk_free_mib"]
    return [
        f"{facts['model'] or 'unknown board'}: {cpu['cores']} x {name}, {facts['bits']}-bit",
        f"  system    {system}, {facts['machine']} kernel {facts['kernel']}, {facts['libc']}",
        f"  python    {python}, {facts['python']['path']}",
        f"  memory    {memory['available']} of {memory['total']} MiB available",
        f"  disk      {free} MiB free",
        f"  features  {' '.join(features) or 'none of those kernels care about'}",
    ]


def _trial(trial: dict[str, Any]) -> str:
    if trial["works"]:
        peak = f", {trial['peak_mb']:.0f} MB" if trial["peak_mb"] else ""
        return f"ok  {trial['name']:<21} {trial['version']}{peak}"
    return f"--  {trial['name']:<21} {trial['reason']}"
