"""One run of a sweep: a process of its own, from its folder's state to an outcome."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bitprior_runtime.errors import UsageError
from bitprior_train.lock import exclusive
from bitprior_train.sweep.plan import Job

State = Literal["there", "trained", "failed", "busy", "blocked"]
_FINISHED = ("there", "trained")


@dataclass(frozen=True)
class Outcome:
    """What became of a run.

    Attributes:
        state: ``there``: finished before; ``trained``: begun or continued, and finished;
            ``failed``; ``busy``: another process is training it; ``blocked``: the run that it
            starts from is not finished.
        figures: Validation PSNR in dB and, if it was trained now, what ``bitprior train`` measured.
        error: Why it is not finished.
    """

    state: State
    figures: dict[str, Any] = field(default_factory=dict)
    error: str | None = None

    @property
    def finished(self) -> bool:
        """Whether the run is there, whole."""
        return self.state in _FINISHED


def execute(job: Job, environment: Mapping[str, str]) -> Outcome:
    """Train a run unless it is there; its stderr goes to a log beside its folder.

    Args:
        job: The run.
        environment: Variables that its process has beside those of this one.
    """
    folder = job.request.out
    if (folder / "config.toml").exists():
        if _is_held(folder):
            return Outcome("busy", error="another process is training it")
        if (folder / "run.json").exists():
            record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
            kept = ("validation_psnr", "steps")
            return Outcome("there", {key: record[key] for key in kept})
    log = folder.with_name(f"{folder.name}.log")
    with log.open("ab") as stderr:
        done = subprocess.run(
            command(job),
            stdout=subprocess.PIPE,
            stderr=stderr,
            env={**os.environ, **environment},
            check=False,
        )
    said = _parse(done.stdout)
    if done.returncode == 0:
        return Outcome("trained", said)
    return Outcome("failed", error=_why(said.get("error"), done.returncode, log))


def _why(error: dict[str, Any] | None, status: int, log: Path) -> str:
    if error is None:
        return f"exit status {status}; see {log}"
    return f"expected {error['expected']}; found {error['found']}; {error['todo']}"


def command(job: Job) -> list[str]:
    """Return the command line that begins a run, or continues what is in its folder."""
    request = job.request
    line = [sys.executable, "-m", "bitprior_runtime", "train", request.dataset, "--json"]
    line += ["--out", str(request.out)]
    if (request.out / "config.toml").exists():
        return [*line, "--resume"]
    named = {
        "--system": request.system,
        "--preset": request.recipe,
        "--config": request.config,
        "--init-from": request.init_from,
    }
    for option, value in named.items():
        line += [option, str(value)] if value is not None else []
    for override in request.overrides:
        line += ["--set", override]
    return line


def _is_held(folder: Path) -> bool:
    try:
        with exclusive(folder):
            return False
    except UsageError:
        return True


def _parse(output: bytes) -> dict[str, Any]:
    """Return the JSON object that the verb printed, if it came to that."""
    try:
        said = json.loads(output)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
