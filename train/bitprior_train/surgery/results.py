"""The file of a comparison: figures as JSON and images beside it, whole after every row."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from bitprior_runtime.errors import UsageError
from bitprior_runtime.files import check_writable, write_atomically

KIND = "bitprior comparison"
SHOWN = 4
# What may differ between the call that began a file and one that continues it.
_OF_A_CALL = ("rows", "command", "machine", "commit")
# What makes two rows the same trial, beside their settings.
_KEYS = ("method", "prior_run", "operator", "restarts")


class ComparisonFile:
    """Rows that are there already, and those that are added.

    Args:
        path: The JSON file; images go beside it, ``.npz``.
        header: All fields but ``rows``.
        originals: The images [N, C, H, W] in [0, 1]; the first ``SHOWN`` are stored.

    Attributes:
        document: What the file holds.

    Raises:
        UsageError: The file holds something else than the same comparison.
        UnwritableOutputError: It cannot be written.
    """

    def __init__(self, path: Path, header: dict[str, Any], originals: Tensor) -> None:
        self._path = check_writable(path)
        self._images = {"original": _as_bytes(originals)}
        self.document: dict[str, Any] = header | {"rows": []}
        if path.exists():
            self._continue(header)

    def holds(self, row: dict[str, Any]) -> bool:
        """Say whether there is a finished row with the keys and settings of ``row``."""
        return any(_same(done, row) for done in self.document["rows"])

    def add(self, row: dict[str, Any], recovered: Tensor) -> None:
        """Add a row and write everything."""
        self._images[f"row_{len(self.document['rows'])}"] = _as_bytes(recovered)
        self.document["rows"].append(row)
        archive = io.BytesIO()
        np.savez_compressed(archive, **self._images)  # type: ignore[arg-type]
        # The images first: one too many does no harm, one too few would.
        write_atomically(self._path.with_suffix(".npz"), archive.getvalue())
        write_atomically(self._path, (json.dumps(self.document, indent=1) + "\n").encode())

    def _continue(self, header: dict[str, Any]) -> None:
        before = _read(self._path)
        for name, value in header.items():
            if name not in _OF_A_CALL and before.get(name) != value:
                raise UsageError(
                    f"a comparison of {name} {value!r} in {self._path}",
                    f"{before.get(name)!r}",
                    "name another file with --out",
                )
        self.document["rows"] = before["rows"]
        with np.load(self._path.with_suffix(".npz"), allow_pickle=False) as archive:
            self._images |= {name: archive[name] for name in archive.files}


def _read(path: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        fits = document["kind"] == KIND and isinstance(document["rows"], list)
    except (OSError, ValueError, KeyError, TypeError):
        fits = False
    if not fits:
        raise UsageError(
            f"a comparison in {path}, or no file", "something else", "name another file with --out"
        )
    return document


def _same(done: dict[str, Any], row: dict[str, Any]) -> bool:
    settings = done["settings"].items()
    return (
        all(done[key] == row[key] for key in _KEYS)
        # A method may note more settings once it has run.
        and row["settings"].items() <= settings
    )


def _as_bytes(images: Tensor) -> NDArray[np.uint8]:
    shown: NDArray[np.uint8] = (images[:SHOWN] * 255).round().byte().numpy()
    return shown
