"""Read comparisons: JSON that ``bitprior compare-methods --out`` wrote, and images beside it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_export.image_files import read_archive
from bitprior_export.report.fields import Fields, wrong
from bitprior_export.report.surgery.comparison import (
    EXPERIMENTS,
    METHODS,
    PRIORLESS,
    Comparison,
    Quality,
    Trial,
)

COMPARISON = "bitprior comparison"
MAX_SHOWN = 64
MAX_SIDE = 256
# Figures are stored to two or more digits.
_ROUNDED = 0.006


def parse_comparison(document: Any, name: str, archive: bytes | None = None) -> Comparison:
    """Return one comparison.

    Args:
        document: What the JSON says.
        name: Name of the file without its suffix.
        archive: Its images, an .npz archive: ``original`` and, for some rows, ``row_<index>``.

    Raises:
        UsageError: A field is missing or wrong.
        One of BROKEN_ARCHIVE: The images are damaged, too large or something else.
    """
    fields = Fields(document, f"{name}.json")
    rows = fields.list_of("rows")
    if not rows:
        raise wrong(f"{name}.json: rows, at least one", rows)
    original = None if archive is None else parse_images(archive, "original")
    return Comparison(
        name=name,
        experiment=fields.choice("experiment", EXPERIMENTS),
        dataset=fields.text("dataset"),
        part=fields.text("part"),
        split_hash=fields.text("split_hash"),
        command=fields.text("command"),
        seed=fields.integer("seed"),
        machine=fields.text("machine"),
        commit=fields.text("commit"),
        trials=[_trial(row, _recovered(archive, i, original)) for i, row in enumerate(rows)],
        original=original,
    )


def _trial(row: Fields, recovered: NDArray[np.uint8] | None) -> Trial:
    method = row.choice("method", METHODS)
    images = row.integer("images", 1)
    prior = method not in PRIORLESS
    return Trial(
        method=method,
        prior=row.text("prior") if prior else None,
        prior_run=row.text("prior_run") if prior and row.given("prior_run") else None,
        bits=row.integer("bits", 1) if prior else None,
        filters=row.integer("filters", 1) if prior else None,
        cut=row.integer("cut") if prior and row.given("cut") else None,
        init=row.text("init") if row.given("init") else None,
        operator=row.text("operator"),
        measurements=row.integer("m", 1),
        pixels=row.integer("n", 1),
        images=images,
        psnr=_quality(row.below("psnr"), images),
        loss=row.number("loss"),
        variables=row.integer("variables", 1),
        restarts=row.integer("restarts", 1),
        seconds=row.number("seconds"),
        settings=row.scalars("settings"),
        recovered=recovered,
    )


def _quality(fields: Fields, images: int) -> Quality:
    found = Quality(fields.number("mean"), fields.number("sd"), fields.numbers("values"))
    if len(found.values) != images:
        raise wrong(f"psnr: values of {images} images", len(found.values))
    if found.deviation < 0 or abs(found.mean - np.mean(found.values)) > _ROUNDED:
        raise wrong("psnr: mean and sd of its values", (found.mean, found.deviation))
    return found


def _recovered(
    archive: bytes | None, index: int, original: NDArray[np.uint8] | None
) -> NDArray[np.uint8] | None:
    """Return the images of a row, or None where the archive has none of it."""
    if archive is None or original is None:
        return None
    try:
        found = parse_images(archive, f"row_{index}")
    except KeyError:
        return None
    if found.shape != original.shape:
        raise ValueError(f"row_{index} of shape {found.shape}, not {original.shape}")
    return found


def parse_images(archive: bytes, name: str) -> NDArray[np.uint8]:
    """Return the array of images ``name`` of an archive, uint8 [n,C,H,W].

    Raises:
        One of BROKEN_ARCHIVE: It is damaged, too large, something else, or has none of that name.
    """
    images = read_archive(archive, name)
    fits = (
        images.dtype == np.uint8
        and images.ndim == 4
        and 0 < len(images) <= MAX_SHOWN
        and images.shape[1] in (1, 3)
        and 0 < min(images.shape[2:]) <= max(images.shape[2:]) <= MAX_SIDE
    )
    if not fits:
        raise ValueError(f"{name} of type {images.dtype} and shape {images.shape}")
    return images
