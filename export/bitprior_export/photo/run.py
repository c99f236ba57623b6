"""A finished run of ``bitprior train --prior photo``: read and checked, without torch."""

import io
import os
import zipfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_export.errors import RunRecordError
from bitprior_export.image_files import MAX_ARCHIVE_BYTES
from bitprior_export.manifest import usual_weights
from bitprior_export.qonnx.document import open_onnx
from bitprior_export.qonnx.reader import Translation, translate
from bitprior_export.source import ends, sha256_by_name
from bitprior_export.training_run import (
    GENERATOR,
    RECORD,
    SAMPLES,
    RunRecord,
    check_finished,
    read_samples,
)
from bitprior_runtime.bundle import LearnedSearch, Schedule
from bitprior_runtime.bundle.search import schedule_shapes
from bitprior_runtime.files import read_bytes
from bitprior_runtime.sensing.covariance import Covariance

KIND = "photo"  # of such a run, in run.json
START, PENALTY, SCHEDULE, CROPS = "start.onnx", "penalty.onnx", "schedule.npz", "crops.npz"
# Of run.json, these are said elsewhere in the manifest.
_ELSEWHERE = ("kind", "licence", "geometry", "bits", "latent", "mean", "levels")
_TODO = "train again, or restore the file as it was"


@dataclass(frozen=True, eq=False)
class PhotoRun:
    """A finished run.

    Attributes:
        name: Name of its bundle.
        generator: z -> x of the native frame.
        start: u -> z0.
        penalty: z -> K1 z.
        schedule: Of the search.
        covariance: Of photos.
        images: Validation crops of the native frame, [N,1,H,W] in [0,1].
        crops: Larger ones, for calibration.
        licence: Licence notes of the photos.
        training: Where the weights come from, as JSON.
    """

    name: str
    generator: Translation
    start: Translation
    penalty: Translation
    schedule: Schedule
    covariance: Covariance
    images: NDArray[np.float32]
    crops: NDArray[np.float32]
    licence: str
    training: dict[str, Any]

    @property
    def geometry(self) -> tuple[int, int, int]:
        """(1, H, W) of the native frame."""
        c, h, w = ends(self.generator)[1]
        return (c, h, w)

    @property
    def maps(self) -> tuple[int, int, int]:
        """(C, h, w) of the latent of the native frame."""
        c, h, w = ends(self.start)[1]
        return (c, h, w)

    @property
    def search(self) -> LearnedSearch:
        """The learned search."""
        programs = self.start.program, self.penalty.program
        return LearnedSearch(*programs, self.schedule, self.covariance)


def is_photo_run(folder: str | os.PathLike[str]) -> bool:
    """Return whether a folder holds the finished run of a photo prior.

    Raises:
        RunRecordError: Its run.json is no JSON object.
    """
    path = Path(folder)
    return (path / RECORD).is_file() and RunRecord.read(path).values.get("kind") == KIND


def read_photo_run(folder: str | os.PathLike[str]) -> PhotoRun:
    """Read a run for which :func:`is_photo_run` holds.

    Raises:
        UnfinishedRunError: A file that the end of a training writes is missing.
        RunRecordError: run.json, the arrays or the programs do not fit each other.
        QonnxError, UnsupportedOpError: A network is not one a program can hold.
    """
    path = Path(folder)
    check_finished(path, (GENERATOR, START, PENALTY, SCHEDULE, SAMPLES, CROPS))
    record = RunRecord.read(path)
    geometry, bits = record.geometry(), record.integer("bits", 1, 32)
    generator = translate(open_onnx(path / GENERATOR), "generator", "z", "x")
    start = translate(open_onnx(path / START), "start", "u", "z")
    penalty = translate(open_onnx(path / PENALTY), "penalty", "z", "w")
    found = (ends(generator)[1], usual_weights(generator.program)[0], ends(start)[0])
    wanted = (geometry, bits, (2 * geometry[1] * geometry[2],))
    if found != wanted or ends(penalty)[0] != ends(generator)[0]:
        raise RunRecordError(
            f"programs of {wanted[0]} and {bits} bits, as {RECORD} says",
            f"{found[0]} and {found[1]} bits, start {found[2]}, penalty {ends(penalty)[0]}",
            "export the files of one and the same run",
        )
    mean = record.values.get("mean")
    if type(mean) is not float or not 0 < mean < 1:
        raise RunRecordError(f"mean in (0, 1) in {RECORD}", f"{mean!a}", _TODO)
    schedule, table = _read_schedule(path, ends(start)[1][0], ends(penalty)[1][0])
    kept = {name: value for name, value in record.values.items() if name not in _ELSEWHERE}
    if isinstance(begun := kept.get("init_from"), str):
        kept["init_from"] = Path(begun).name  # the rest is nobody's business but this machine's
    files = (path / name for name in (GENERATOR, START, PENALTY, SCHEDULE))
    return PhotoRun(
        name=f"photo-{bits}bit",
        generator=generator,
        start=start,
        penalty=penalty,
        schedule=schedule,
        covariance=Covariance(mean, table),
        images=read_samples(path, geometry),
        crops=_read_crops(path),
        licence=record.text("licence"),
        training={**kept, "sources": sha256_by_name(*files)},
    )


def _read_schedule(
    folder: Path, channels: int, penalties: int
) -> tuple[Schedule, NDArray[np.float32]]:
    arrays = _arrays(folder / SCHEDULE)
    names = [item.name for item in fields(Schedule)]
    steps = len(arrays["momentum"]) if arrays.get("momentum", np.zeros(())).ndim == 1 else 0
    wanted = schedule_shapes(steps, channels, penalties)
    found = {f"search/{name}": arrays[name].shape for name in names if name in arrays}
    table = arrays.get("covariance", np.zeros(0))
    square = table.ndim == 2 and table.shape[0] == table.shape[1] > 0
    floats = all(values.dtype == np.float32 for values in arrays.values())
    if found != wanted or steps < 1 or not square or not floats:
        raise RunRecordError(
            f"a schedule of {channels} and {penalties} maps and a covariance in {SCHEDULE}",
            f"{found}, covariance {table.shape}",
            _TODO,
        )
    return Schedule(**{name: arrays[name] for name in names}), table


def _read_crops(folder: Path) -> NDArray[np.float32]:
    images = _arrays(folder / CROPS).get("images", np.zeros(0))
    fits = images.ndim == 4 and images.shape[1] == 1 and images.dtype == np.float32
    if not fits or not images.size or not (images.min() >= 0 and images.max() <= 1):
        raise RunRecordError(
            f"crops float32 [N,1,H,W] in [0,1] in {CROPS}", f"{images.dtype} {images.shape}", _TODO
        )
    return images


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    data = read_bytes(path, MAX_ARCHIVE_BYTES)
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise RunRecordError(f"arrays in {path.name}", f"unreadable: {error}", _TODO) from error
