"""Read evaluations: JSON that ``bitprior evaluate --out`` wrote, and images beside it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_export.image_files import read_archive
from bitprior_export.report.fields import Fields, wrong
from bitprior_export.report.results import (
    Baseline,
    Result,
    Row,
    Samples,
    Solver,
    Weights,
)

KIND = "bitprior evaluation"
MAX_SAMPLES = 16
MAX_SIDE = 256


def parse_result(document: Any, name: str, samples: Samples | None = None) -> Result:
    """Return one evaluation.

    Args:
        document: What the JSON says.
        name: Name of the file without its suffix.
        samples: Its images, if they are there.

    Raises:
        UsageError: A field is missing or of another type, or the images are of other rows.
    """
    fields = Fields(document, f"{name}.json")
    rows = [_row(row) for row in fields.list_of("rows")]
    if not rows:
        raise wrong(f"{name}.json: rows, at least one", rows)
    if samples is not None and len(samples.recovered) != len(rows):
        raise wrong(f"{name}.npz: images of {len(rows)} rows", len(samples.recovered))
    return Result(
        name=name,
        dataset=fields.text("dataset"),
        trained_on=fields.texts("trained_on"),
        part=fields.text("part"),
        resized=fields.text("resized"),
        split_hash=fields.text("split_hash"),
        seed=fields.integer("seed"),
        command=fields.text("command"),
        rows=rows,
        baselines=[_baseline(each) for each in fields.list_of("baselines")],
        samples=samples,
    )


def _row(row: Fields) -> Row:
    size, solver, weights = row.below("bytes"), row.below("solver"), row.below("weights")
    training = row.below("training") if row.given("training") else Fields({}, "training")
    return Row(
        bundle=row.text("bundle"),
        system=row.text("system"),
        bits=row.integer("bits", 1),
        measurements=row.integer("measurements", 1),
        sensing=row.text("sensing"),
        sensing_bits=row.integer("sensing_bits", 1),
        seed=row.integer("seed") if row.given("seed") else None,
        training_steps=training.integer("steps") if training.given("steps") else None,
        goes_on=training.given("init_from"),
        psnr=row.mean("psnr"),
        ssim=row.mean("ssim"),
        start_psnr=row.mean("start_psnr") if row.given("start_psnr") else None,
        widths=row.text("widths") if row.given("widths") else "",
        training_seconds=training.number("seconds") if training.given("seconds") else None,
        success_rate=row.number("success_rate") if row.given("success_rate") else None,
        generator_bytes=size.integer("generator", 1),
        bundle_bytes=size.integer("bundle", 1),
        recovery_ms=row.number("recovery_ms"),
        busy=row.flag("busy"),
        solver=Solver(
            name=solver.text("name"),
            steps=solver.integer("steps"),
            sparsity=solver.integer("sparsity", 1) if solver.given("sparsity") else None,
            projection=solver.text("projection") if solver.given("projection") else "none",
            variant=solver.flag("line_search") or solver.flag("momentum"),
        ),
        restarts=row.integer("restarts", 1),
        engine=row.text("engine"),
        kernel=row.text("kernel"),
        activation_bits=row.integer("activation_bits", 1) if row.given("activation_bits") else None,
        machine=row.text("machine"),
        commit=row.text("commit"),
        made_by=row.texts("made_by"),
        weights=_weights(weights),
    )


def _weights(fields: Fields) -> Weights:
    found = Weights(fields.text("unit"), fields.numbers("at"), fields.numbers("share"))
    if len(found.at) != len(found.share) or found.unit not in ("level", "deviation"):
        raise wrong("weights of unit level or deviation, with as many shares as places", found)
    return found


def _baseline(fields: Fields) -> Baseline:
    return Baseline(fields.text("name"), fields.mean("psnr"), fields.mean("ssim"))


def parse_samples(data: bytes) -> Samples:
    """Return the images of an archive.

    Raises:
        One of BROKEN_ARCHIVE: It is damaged, too large or something else.
    """
    original, recovered, psnr, ssim = (
        read_archive(data, name) for name in ("original", "recovered", "psnr", "ssim")
    )
    count = len(original)
    fits = (
        original.dtype == recovered.dtype == np.uint8
        and original.ndim == 4
        and original.shape[1] in (1, 3)
        and max(original.shape[2:]) <= MAX_SIDE
        and 0 < count <= MAX_SAMPLES
        and recovered.shape[1:] == original.shape
        and psnr.shape == ssim.shape == recovered.shape[:2]
        and _numbers(psnr)
        and _numbers(ssim)
    )
    if not fits:
        raise ValueError("arrays of other types or shapes than evaluate writes")
    return Samples(original, recovered, psnr, ssim)


def _numbers(values: NDArray[Any]) -> bool:
    return values.dtype.kind == "f" and not np.isnan(values).any()
