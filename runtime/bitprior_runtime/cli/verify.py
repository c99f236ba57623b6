"""``bitprior verify``: replay the golden cases of a bundle on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from bitprior_runtime.cli.output import JsonFlag, emit
from bitprior_runtime.errors import CheckFailedError
from bitprior_runtime.golden import Check
from bitprior_runtime.model import load


def run(
    bundle: Annotated[Path, typer.Argument(help="A .bitprior file.")],
    json: JsonFlag = False,
) -> None:
    """Check a bundle's hashes and replay its golden cases; exit status 1 if one differs."""
    model = load(bundle)
    checks = model.verify()
    failed = [check for check in checks if not check.passed]
    cases = len(model.bundle.golden.latents)
    verdict = "Verified" if not failed else "Failed"
    lines = [f"{verdict} {bundle}: all hashes right, {cases} golden cases replayed"]
    lines += [_line(check) for check in checks]
    emit(
        {"bundle": str(bundle), "cases": cases, "passed": not failed, "checks": _rows(checks)},
        "\n".join(lines),
        json,
    )
    if failed:
        worst = failed[0]
        raise CheckFailedError(
            f"{worst.name} within {worst.tolerance:g}",
            f"{worst.difference:g}",
            "compare numpy versions with bitprior info, and report the board",
        )


def _line(check: Check) -> str:
    mark = "ok  " if check.passed else "FAIL"
    figures = f"max difference {check.difference:.1e} {check.unit}, allowed {check.tolerance:.0e}"
    return f"  {mark} {check.name:<20} {figures}"


def _rows(checks: list[Check]) -> list[dict[str, object]]:
    return [
        {
            "name": check.name,
            "difference": check.difference,
            "tolerance": check.tolerance,
            "unit": check.unit,
            "passed": check.passed,
        }
        for check in checks
    ]
