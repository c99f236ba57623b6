"""What a run says: metrics.jsonl for programs, event files for TensorBoard, lines for people."""

import json
import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bitprior_runtime.files import write_atomically
from bitprior_train.tensorboard import EventFile

NAME = "metrics.jsonl"
FOLLOWING = "following"  # kind of the entries from before Algorithm 1, whose steps count apart


class RunLog:
    """Log of one run, a context manager.

    Args:
        folder: The run's folder.
        start: Steps already done: later lines of an earlier log are dropped.
        total: Steps of the whole run.
        phase: Empty, or ``FOLLOWING``: the steps are those of following, and TensorBoard finds its
            curve in a folder of that name, as a log of its own.
    """

    def __init__(self, folder: Path, start: int, total: int, phase: str = "") -> None:
        self._path = folder / NAME
        truncate_metrics(self._path, start, phase)
        self._file = self._path.open("a", encoding="utf-8")
        self._events = EventFile(folder / phase, start)
        self._progress: Progress | None = None
        self._total, self._unit = total, phase or "step"
        if sys.stderr.isatty():
            self._progress = Progress(
                TextColumn(phase or "training"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
            )
            self._task = self._progress.add_task("", total=total, completed=start)

    def __enter__(self) -> Self:
        if self._progress:
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._progress:
            self._progress.stop()
        self._file.close()
        self._events.close()

    def write(self, entry: dict[str, Any]) -> None:
        """Append one object, with its ``kind`` and ``step``."""
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()
        self._events.write(entry)

    def sync(self) -> None:
        """Make what was written survive a power cut."""
        os.fsync(self._file.fileno())
        self._events.sync()

    def advance(self, step: int, text: str | None = None) -> None:
        """Say that ``step`` steps are done; ``text`` is worth a line of its own."""
        if self._progress:
            self._progress.update(self._task, completed=step)
        if text:
            line = f"{self._unit} {step}/{self._total}: {text}"
            if self._progress:
                self._progress.console.print(line, highlight=False)
            else:
                print(line, file=sys.stderr, flush=True)


class LogKeeper:
    """What keeps a log and ends it: a context manager around its ``_log``."""

    _log: RunLog

    def __enter__(self) -> Self:
        self._log.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._log.__exit__(kind, error, trace)


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Read the entries of a log; a last line torn by a kill is left out."""
    entries: list[dict[str, Any]] = []
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                entries.append(json.loads(line))
            except json.JSONDecodeError:
                break
    return entries


def truncate_metrics(path: Path, step: int, phase: str = "") -> None:
    """Drop a phase's entries after ``step``: a resumed run writes them again."""
    following = phase == FOLLOWING
    kept = [
        e
        for e in read_metrics(path)
        if (e.get("kind") == FOLLOWING) != following or e["step"] <= step
    ]
    write_atomically(path, "".join(json.dumps(e) + "\n" for e in kept).encode())
