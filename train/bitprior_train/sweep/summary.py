"""What a sweep says at its end."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bitprior_train.sweep.execute import Outcome
from bitprior_train.sweep.plan import Job


def summarise(out: Path, jobs: Sequence[Job], outcomes: Mapping[str, Outcome]) -> dict[str, Any]:
    """Return the summary, ready for JSON: one object a run, and the number of each state."""
    return {
        "folder": str(out),
        "runs": [_row(job, outcomes[job.name]) for job in jobs],
        "states": dict(Counter(outcomes[job.name].state for job in jobs)),
    }


def _row(job: Job, outcome: Outcome) -> dict[str, Any]:
    config, figures = job.config, outcome.figures
    names = ("validation_psnr", "steps", "seconds", "images_per_s", "peak_memory_mib")
    return {
        "name": job.name,
        "bits": config.quantiser.bits,
        "measurements": config.model.measurements,
        "sparsity": config.model.sparsity,
        "seed": config.run.seed,
        "init_from": job.after,
        "state": outcome.state,
        **{name: figures.get(name) for name in names},
        "error": outcome.error,
    }


def table(summary: Mapping[str, Any]) -> str:
    """Return the summary for people: a line a run, and a last one with the counts."""
    rows = summary["runs"]
    width = max(len(row["name"]) for row in rows)
    lines = [f"{'run':<{width}}  state    PSNR/dB  images/s  error".rstrip()]
    for row in rows:
        figures = [_figure(row["validation_psnr"], 7, 2), _figure(row["images_per_s"], 8, 0)]
        line = f"{row['name']:<{width}}  {row['state']:<7}  {figures[0]}  {figures[1]}"
        lines.append(f"{line}  {row['error'] or ''}".rstrip())
    counts = ", ".join(f"{count} {state}" for state, count in summary["states"].items())
    return "\n".join([*lines, f"Swept {len(rows)} runs in {summary['folder']}: {counts}"])


def _figure(value: float | None, width: int, digits: int) -> str:
    return f"{value:{width}.{digits}f}" if value is not None else "-".rjust(width)
