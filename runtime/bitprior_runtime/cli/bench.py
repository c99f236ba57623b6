"""``bitprior bench``: what a gradient and a recovery cost on this machine, engine by engine."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from bitprior_runtime.bench import BenchRequest, BenchRow, run_bench
from bitprior_runtime.bench.run import Skipped
from bitprior_runtime.board.state import BoardState, describe
from bitprior_runtime.cli.arguments import BundleArgument
from bitprior_runtime.cli.elsewhere import (
    BoardJob,
    OnOption,
    RootOption,
    SshConfigOption,
    changed_flags,
    run_on_board,
)
from bitprior_runtime.cli.output import JsonFlag, emit, progress_bar
from bitprior_runtime.engines.registry import AUTO, candidates
from bitprior_runtime.errors import UsageError
from bitprior_runtime.model import load

_HEADINGS = (
    "engine",
    "batch",
    "threads",
    "gradient us",
    "p10..p90",
    "recovery ms",
    "p10..p90",
    "MB",
)


def run(
    context: typer.Context,
    bundle: BundleArgument,
    engine: Annotated[str, typer.Option(help="An engine; auto: all of them.")] = AUTO,
    kernel: Annotated[str, typer.Option(help="Kernels; auto: all of the engine's.")] = AUTO,
    batch: Annotated[list[int] | None, typer.Option(help="Rows; may be repeated.")] = None,
    threads: Annotated[list[int] | None, typer.Option(help="May be repeated.")] = None,
    on: OnOption = None,
    root: RootOption = None,
    ssh_config: SshConfigOption = None,
    json: JsonFlag = False,
) -> None:
    """Time one gradient and one whole recovery; each engine in a process of its own."""
    request = BenchRequest(
        model=bundle,
        kinds=tuple((kind.engine, kind.kernel) for kind in candidates(engine, kernel)),
        batches=_counts("--batch", batch or [1]),
        threads=_counts("--threads", threads or [1]),
    )
    model = load(bundle)  # a damaged bundle is an error of its own, not an engine that cannot run
    if on is not None:
        flags = changed_flags(context)
        job = BoardJob("bench", model.path or bundle, flags, on, root, ssh_config)
        figures = run_on_board(job).figures
        emit({**figures, "bundle": str(bundle), "board": on}, _text(_results(figures)), json)
        return
    count = len(request.kinds) * len(request.batches) * len(request.threads)
    results: list[BenchRow | Skipped] = []
    with progress_bar("Measuring") as progress:
        for result in run_bench(request):
            results.append(result)
            progress(len(results), count)
    emit(_figures(bundle, results), _text(results), json)


def _results(figures: dict[str, Any]) -> list[BenchRow | Skipped]:
    rows = [BenchRow(**row) for row in figures["rows"]]
    return [*rows, *(Skipped(**skipped) for skipped in figures["skipped"])]


def _counts(option: str, values: list[int]) -> tuple[int, ...]:
    if min(values) < 1:
        raise UsageError(f"{option} of 1 or more", f"{min(values)}", f"change {option}")
    return tuple(values)


def _figures(bundle: Path, results: list[BenchRow | Skipped]) -> dict[str, Any]:
    return {
        "bundle": str(bundle),
        "rows": [result.as_json() for result in results if isinstance(result, BenchRow)],
        "skipped": [asdict(result) for result in results if isinstance(result, Skipped)],
    }


def _text(results: list[BenchRow | Skipped]) -> str:
    rows = [result for result in results if isinstance(result, BenchRow)]
    table = [_HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in table) for column in range(len(_HEADINGS))]
    lines = [
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in table
    ]
    out = {
        f"{result.engine}/{result.kernel} cannot run here: {result.reason}"
        for result in results
        if isinstance(result, Skipped)
    }
    return "\n".join([*lines, *_board(rows), *sorted(out)])


def _board(rows: list[BenchRow]) -> list[str]:
    """Return the state of the board over all rows, what does not count, and the energy."""
    if not rows:
        return []
    ends = (BoardState(**rows[0].before), BoardState(**rows[-1].after))
    lines = [f"board: {describe(*ends)}"]
    for row in rows:
        name = f"{row.engine}/{row.kernel}, batch {row.batch}, {row.threads} threads"
        if row.invalid:
            lines.append(f"INVALID {name}: {row.invalid}; cool the board and measure again")
        if row.energy is not None:
            rails = ", ".join(
                f"{rail} {figures['joules_per_run']:.3g} J ({figures['watts']:.2f} W)"
                for rail, figures in row.energy["rails"].items()
            )
            lines.append(f"energy of one recovery, {name}: {rails}; {row.energy['source']}")
    return lines


def _cells(row: BenchRow) -> tuple[str, ...]:
    return (
        f"{row.engine}/{row.kernel}",
        f"{row.batch}",
        f"{row.threads}",
        f"{row.gradient_us:,.0f}",
        f"{row.gradient_us_p10:,.0f}..{row.gradient_us_p90:,.0f}",
        f"{row.recovery_ms:,.2f}",
        f"{row.recovery_ms_p10:,.2f}..{row.recovery_ms_p90:,.2f}",
        f"{row.peak_rss_mb:,.0f}",
    )
