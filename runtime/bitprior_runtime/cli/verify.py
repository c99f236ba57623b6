"""``bitprior verify``: replay the golden cases of a bundle on this machine."""

from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from bitprior_runtime.bundle import Bundle
from bitprior_runtime.cli.arguments import BundleArgument, KernelOption
from bitprior_runtime.cli.output import JsonFlag, emit
from bitprior_runtime.companions import read_companions
from bitprior_runtime.engines.registry import AUTO
from bitprior_runtime.errors import CheckFailedError, UsageError
from bitprior_runtime.frames.onnx_kinds import serves_frames
from bitprior_runtime.frames.onnx_replay import replay_frames
from bitprior_runtime.golden import Check
from bitprior_runtime.model import Model, load
from bitprior_runtime.onnx_check import replay_onnx
from bitprior_runtime.onnx_graph import OnnxGraph
from bitprior_runtime.signatures import load_signed


def run(
    bundle: BundleArgument,
    onnx: Annotated[
        Path | None, typer.Option(help="Folder of its ONNX files, to check them too.")
    ] = None,
    kernel: KernelOption = AUTO,
    signers: Annotated[
        Path | None,
        typer.Option(help="OpenSSH's list of those whose signature is asked for first."),
    ] = None,
    identity: Annotated[
        str | None, typer.Option(help="--signers: who of them; default: any of them.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Check a bundle's hashes and replay its golden cases; exit status 1 if one differs."""
    model, signer = _load(bundle, signers, identity)
    checks = model.verify(kernel=kernel)
    values = 0
    if onnx is not None:
        values, of_graphs = _check_onnx(model.bundle, onnx)
        checks += of_graphs
    failed = [check for check in checks if not check.passed]
    cases = len(model.bundle.golden.latents)
    verdict = "Verified" if not failed else "Failed"
    lines = [f"{verdict} {bundle}: all hashes right, {cases} golden cases replayed"]
    if signer is not None:
        lines.append(f"  ok   signed by {signer}")
    lines += [_line(check) for check in checks]
    if values:
        lines.append(f"  ok   {values} values inside the ONNX graphs, node by node")
    result = {"bundle": str(bundle), "cases": cases, "passed": not failed, "nodes": values}
    emit({**result, "signer": signer, "checks": _rows(checks)}, "\n".join(lines), json)
    if failed:
        worst = failed[0]
        raise CheckFailedError(
            f"{worst.name} within {worst.tolerance:g}",
            f"{worst.difference:g}",
            "compare numpy versions with bitprior info, and report the board",
        )


def _load(bundle: Path, signers: Path | None, identity: str | None) -> tuple[Model, str | None]:
    """Load a bundle, and its signer if one is asked for: then nothing is decoded before."""
    if signers is not None:
        return load_signed(bundle, signers, identity)
    if identity is not None:
        raise UsageError("--signers FILE beside --identity", "no --signers", "name the list")
    return load(bundle), None


def _check_onnx(bundle: Bundle, folder: Path) -> tuple[int, list[Check]]:
    """Check hashes and results of ONNX files; node by node where onnx is installed.

    Returns:
        Values compared inside the graphs, 0 without onnx, and the checks.
    """
    files = read_companions(bundle, folder)
    if find_spec("onnx") is None or find_spec("bitprior_export") is None:
        replay_files = replay_frames if serves_frames(bundle) else replay_onnx
        return 0, replay_files(bundle, {kind: OnnxGraph(data) for kind, data in files.items()})
    from bitprior_export.artefacts import check_files

    report = check_files(bundle, files)
    return report.nodes, list(report.checks)


def _line(check: Check) -> str:
    mark = "ok  " if check.passed else "FAIL"
    figures = f"max difference {check.difference:.1e} {check.unit}, allowed {check.tolerance:.0e}"
    return f"  {mark} {check.name:<32} {figures}"


def _rows(checks: list[Check]) -> list[dict[str, object]]:
    return [{**asdict(check), "passed": check.passed} for check in checks]
