"""A run's log as TensorBoard event files, in the run's folder beside metrics.jsonl."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter


class EventFile:
    """The event file of one process.

    Args:
        folder: The run's folder.
        start: Steps already done: TensorBoard hides what an earlier file has of later ones.
    """

    def __init__(self, folder: Path, start: int) -> None:
        self._writer = SummaryWriter(str(folder), purge_step=start + 1 if start else None)

    def write(self, entry: dict[str, Any]) -> None:
        """Add the figures of an entry of metrics.jsonl, as scalars named ``kind/figure``."""
        step = entry["step"]
        for name, value in _scalars(entry["kind"], entry):
            self._writer.add_scalar(name, value, step)

    def sync(self) -> None:
        """Hand what was written to the system."""
        self._writer.flush()

    def close(self) -> None:
        """Write the rest."""
        self._writer.close()


def _scalars(name: str, value: Any) -> Iterator[tuple[str, float]]:
    """Yield the figures below a name; counts of levels are no curves."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in ("step", "kind", "levels"):
                yield from _scalars(f"{name}/{key}", inner)
    else:
        yield name, float(value)
