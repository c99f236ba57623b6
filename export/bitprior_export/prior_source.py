"""A finished run of a prior alone, ``bitprior train --prior``, as the source of an export."""

import os
from pathlib import Path
from typing import Any

from bitprior_export.cut_source import surgery_solver
from bitprior_export.errors import RunRecordError
from bitprior_export.manifest import usual_weights
from bitprior_export.qonnx.document import open_onnx
from bitprior_export.qonnx.reader import Translation, translate
from bitprior_export.sensing_source import OpenedSensing, open_sensing
from bitprior_export.source import Source, check_chain, ends, sha256_by_name
from bitprior_export.training_run import (
    GENERATOR,
    RECORD,
    SAMPLES,
    RunRecord,
    check_finished,
    read_samples,
)

KIND = "prior"  # of such a run, in run.json
# Of run.json, these are said elsewhere in the manifest.
_ELSEWHERE = ("kind", "licence", "geometry", "bits", "latent")


def is_prior_run(folder: str | os.PathLike[str]) -> bool:
    """Return whether a folder holds the finished run of a prior without a sensing network.

    Raises:
        RunRecordError: Its run.json is no JSON object.
    """
    path = Path(folder)
    return (path / RECORD).is_file() and RunRecord.read(path).values.get("kind") == KIND


def prior_source(
    folder: str | os.PathLike[str], sensing: str, sensing_bits: int | None = None
) -> Source:
    """Open a prior's generator, and what is to measure its images.

    Recoveries run as in Generator Surgery: L-BFGS from N(0, 1) clipped to [-1, 1].

    Args:
        folder: A run for which :func:`is_prior_run` holds.
        sensing: ONNX file of a sensing network, or an operator such as ``gaussian:m=600``.
        sensing_bits: Bits that its float weights are quantised to, or None.

    Raises:
        UnfinishedRunError: The run has not written its generator yet.
        RunRecordError: run.json, the images or the generator do not fit each other.
        And what :func:`open_sensing` raises.
    """
    path = Path(folder)
    check_finished(path, (GENERATOR, SAMPLES))
    record = RunRecord.read(path)
    geometry, bits = record.geometry(), record.integer("bits", 1, 32)
    images = read_samples(path, geometry)
    generator = translate(open_onnx(path / GENERATOR), "generator", "z", "x")
    _check_record(record, generator)
    opened = open_sensing(sensing, geometry, sensing_bits)
    check_chain(generator, opened.network)
    return Source(
        name=f"{record.text('dataset')}-{record.text('prior')}-{bits}bit",
        generator=generator,
        sensing=opened.network,
        measurement=opened.kind,
        images=images,
        solver=surgery_solver(generator.program, opened.network.program, images),
        licence=record.text("licence"),
        training=_training(path, record, opened, sensing_bits),
    )


def _check_record(record: RunRecord, generator: Translation) -> None:
    wanted = ((record.integer("latent", 1),), record.geometry(), record.integer("bits", 1, 32))
    bits, _, _ = usual_weights(generator.program)
    found = (*ends(generator), bits)
    if wanted != found:
        arrow = "a generator {} -> {} of {} bits"
        raise RunRecordError(
            f"{arrow.format(*wanted)}, as {RECORD} says",
            f"{arrow.format(*found)} in {GENERATOR}",
            "export the files of one and the same run",
        )


def _training(
    folder: Path, record: RunRecord, sensing: OpenedSensing, bits: int | None
) -> dict[str, Any]:
    kept = {name: value for name, value in record.values.items() if name not in _ELSEWHERE}
    if isinstance(start := kept.get("init_from"), str):
        kept["init_from"] = Path(start).name  # the rest is nobody's business but this machine's
    return {
        **kept,
        "operator": sensing.operator,
        "sensing_bits_after_training": bits,
        "sources": sha256_by_name(folder / GENERATOR, sensing.file),
    }
