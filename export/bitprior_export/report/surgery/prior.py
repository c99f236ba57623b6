"""A prior's facts and samples: from its run's folder into a folder of results."""

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_export.image_files import BROKEN_ARCHIVE, MAX_ARCHIVE_BYTES, read_archive
from bitprior_export.report.fields import Fields
from bitprior_export.report.surgery.reading import parse_images
from bitprior_runtime.errors import MissingFileError, UsageError
from bitprior_runtime.files import read_bytes, write_atomically
from bitprior_runtime.images.png import to_bytes

PRIOR = "bitprior prior"
MAX_RECORD_BYTES = 2**24
KEPT = 16
_TEXTS = ("prior", "dataset", "split_hash")
_INTEGERS = ("bits", "latent", "filters", "parameters", "steps", "seed")


@dataclass(frozen=True, eq=False)
class Prior:
    """A prior as it was trained.

    Attributes:
        name: Name of its run.
        prior: ``dcgan``, ``began`` or ``vae``.
        dataset: Data set it was trained on.
        split_hash: Hash of the split.
        bits: Bit width of its weights.
        latent: Length of z.
        filters: Its width.
        parameters: Its weights and biases.
        steps: Training steps.
        epochs: The same in passes over the training images.
        seed: Seed of the training.
        init_from: Name of the run it went on from.
        made: Images from random latents, uint8 [n,C,H,W], if they are there.
        real: Validation images.
    """

    name: str
    prior: str
    dataset: str
    split_hash: str
    bits: int
    latent: int
    filters: int
    parameters: int
    steps: int
    epochs: float
    seed: int
    init_from: str | None
    made: NDArray[np.uint8] | None
    real: NDArray[np.uint8] | None


def parse_prior(document: Any, name: str, archive: bytes | None = None) -> Prior:
    """Return a prior.

    Args:
        document: What the JSON says.
        name: Name of the file without its suffix: the run's.
        archive: Its images, an .npz archive with ``made`` and ``real``.

    Raises:
        UsageError: A field is missing or wrong.
        One of BROKEN_ARCHIVE: The images are damaged, too large or something else.
    """
    fields = Fields(document, f"{name}.json")
    return Prior(
        name=name,
        prior=fields.text("prior"),
        dataset=fields.text("dataset"),
        split_hash=fields.text("split_hash"),
        bits=fields.integer("bits", 1),
        latent=fields.integer("latent", 1),
        filters=fields.integer("filters", 1),
        parameters=fields.integer("parameters", 1),
        steps=fields.integer("steps"),
        epochs=fields.number("epochs"),
        seed=fields.integer("seed"),
        init_from=fields.text("init_from") if fields.given("init_from") else None,
        made=None if archive is None else parse_images(archive, "made"),
        real=None if archive is None else parse_images(archive, "real"),
    )


def add_prior(run: Path, folder: Path) -> Path:
    """Write what run.json and samples.npz of a prior's run say into a folder of results.

    Args:
        run: Folder of ``bitprior train DATASET --prior KIND``.
        folder: Folder of results; gets RUN.json and RUN.npz.

    Returns:
        The JSON file.

    Raises:
        MissingFileError: The run is not finished.
        UsageError: It is no run of a prior, or its files are damaged.
        UnwritableOutputError: The folder cannot be written.
    """
    name = run.resolve().name
    document = {"kind": PRIOR, **_facts(run)}
    archive = _images(run / "samples.npz")
    parse_prior(document, name, archive)
    write_atomically(folder / f"{name}.npz", archive)
    path = folder / f"{name}.json"
    write_atomically(path, (json.dumps(document, indent=1) + "\n").encode())
    return path


def _facts(run: Path) -> dict[str, Any]:
    path = run / "run.json"
    text = _existing(path, MAX_RECORD_BYTES)
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"JSON in {path}", str(error)[:120], "train the prior again") from error
    fields = Fields(record, str(path))
    fields.choice("kind", ("prior",))
    start = Path(fields.text("init_from")).name if fields.given("init_from") else None
    return {
        **{name: fields.text(name) for name in _TEXTS},
        **{name: fields.integer(name) for name in _INTEGERS},
        "epochs": round(fields.number("epochs"), 1),
        "init_from": start,
    }


def _images(path: Path) -> bytes:
    """Return the first samples and validation images of a run as a small archive of bytes."""
    data = _existing(path, MAX_ARCHIVE_BYTES)
    try:
        made, real = (
            to_bytes(read_archive(data, name)[:KEPT].astype(np.float32))
            for name in ("made", "images")
        )
    except BROKEN_ARCHIVE as error:
        raise UsageError(
            f"sample images at {path}", f"unreadable: {error}", "train the prior again"
        ) from error
    small = io.BytesIO()
    np.savez_compressed(small, made=made, real=real)
    return small.getvalue()


def _existing(path: Path, limit: int) -> bytes:
    if not path.is_file():
        raise MissingFileError(
            f"a finished run of a prior, with {path}", "no such file", "train it"
        )
    return read_bytes(path, limit)
