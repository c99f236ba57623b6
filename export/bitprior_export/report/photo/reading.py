"""Read evaluations on photos: JSON that ``bitprior evaluate --operator`` wrote, and pictures."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_export.image_files import read_archive
from bitprior_export.report.fields import Fields, wrong
from bitprior_export.report.photo.results import (
    PRIOR,
    PhotoPictures,
    PhotoPrior,
    PhotoResult,
    PhotoRow,
    PhotoTime,
)

PHOTO_KIND = "bitprior photo evaluation"
MAX_PHOTOS = 16
MAX_ROWS = 1024
MAX_SIDE = 512


def parse_photos(document: Any, name: str, archive: bytes | None = None) -> PhotoResult:
    """Return one evaluation on photos.

    Args:
        document: What the JSON says.
        name: Name of the file without its suffix.
        archive: Its pictures, if they are there.

    Raises:
        UsageError: A field is missing or of another type.
        One of BROKEN_ARCHIVE: The pictures are damaged, too large or something else.
    """
    fields = Fields(document, f"{name}.json")
    rows = [_row(row) for row in fields.list_of("rows")]
    if not rows:
        raise wrong(f"{name}.json: rows, at least one", rows)
    return PhotoResult(
        name=name,
        dataset=fields.text("dataset"),
        part=fields.text("part"),
        names=fields.texts("photos"),
        seed=fields.integer("seed"),
        command=fields.text("command"),
        rows=rows,
        pictures=None if archive is None else _pictures(archive, len(rows)),
    )


def _row(row: Fields) -> PhotoRow:
    method = row.text("method")
    found = PhotoRow(
        operator=row.text("operator"),
        operator_kind=row.text("operator_kind"),
        matrix_file=row.text("matrix_file") if row.given("matrix_file") else None,
        m=row.integer("m", 1),
        n=row.integer("n", 1),
        noise=row.number("noise"),
        method=method,
        prior=_prior(row.below("prior")) if method == PRIOR else None,
        photos=row.integer("photos", 1),
        psnr=row.mean("psnr"),
        ssim=row.mean("ssim"),
        start_psnr=row.mean("start_psnr") if row.given("start_psnr") else None,
        psnr_of=row.numbers("psnr_of"),
        loss=row.number("loss") if row.given("loss") else None,
        times=[_time(each) for each in row.list_of("times")],
    )
    if len(found.psnr_of) != found.photos:
        raise wrong(f"psnr_of: values of {found.photos} photos", len(found.psnr_of))
    if found.noise < 0:
        raise wrong("noise of at least 0", found.noise)
    return found


def _prior(prior: Fields) -> PhotoPrior:
    size, widths = prior.below("bytes"), prior.scalars("widths")
    if not all(bits.isdecimal() and count.isdecimal() for bits, count in widths.items()):
        raise wrong("widths: weights by bits, both whole numbers", widths)
    return PhotoPrior(
        bundle=prior.text("bundle"),
        bits=prior.integer("bits", 1),
        name_line=prior.text("name_line"),
        mean_bits=prior.number("mean_bits"),
        widths=sorted((int(bits), int(count)) for bits, count in widths.items()),
        generator_bytes=size.integer("generator", 1),
        bundle_bytes=size.integer("bundle", 1),
        solver=prior.text("solver"),
        steps=prior.integer("steps"),
        engine=prior.text("engine"),
        kernel=prior.text("kernel"),
        busy=prior.flag("busy"),
        machine=prior.text("machine"),
        commit=prior.text("commit"),
    )


def _time(time: Fields) -> PhotoTime:
    frame = time.numbers("frame")
    if len(frame) != 2 or not all(side >= 1 and side == int(side) for side in frame):
        raise wrong("frame: height and width", frame)
    return PhotoTime(
        int(frame[0]),
        int(frame[1]),
        time.integer("count", 1),
        time.number("fastest_ms"),
        time.number("mean_ms"),
    )


def _pictures(data: bytes, count: int) -> PhotoPictures:
    original, recovered, psnr, ssim, rows = (
        read_archive(data, name) for name in ("original", "recovered", "psnr", "ssim", "rows")
    )
    fits = (
        original.dtype == recovered.dtype == np.uint8
        and original.ndim == 4
        and original.shape[1] == 1
        and 0 < min(original.shape[2:]) <= max(original.shape[2:]) <= MAX_SIDE
        and 0 < len(original) <= MAX_PHOTOS
        and recovered.ndim == 5
        and recovered.shape[1:] == original.shape
        and psnr.shape == ssim.shape == recovered.shape[:2]
        and _numbers(psnr)
        and _numbers(ssim)
        and rows.dtype.kind == "i"
        and rows.shape == (len(recovered),)
        and bool(((rows >= 0) & (rows < count)).all())
    )
    if not fits:
        raise ValueError("arrays of other types or shapes than evaluate writes")
    return PhotoPictures(original, recovered, psnr, ssim, rows.astype(np.int64))


def _numbers(values: NDArray[Any]) -> bool:
    return values.dtype.kind == "f" and not np.isnan(values).any()
