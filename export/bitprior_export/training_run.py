"""What a finished training run leaves for export: read and checked, without torch."""

import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
from numpy.typing import NDArray

from bitprior_export.errors import RunRecordError, UnfinishedRunError
from bitprior_export.image_files import (
    BROKEN_ARCHIVE,
    MAX_ARCHIVE_BYTES,
    MAX_IMAGES,
    read_archive,
)
from bitprior_runtime.bundle.manifest import Projection
from bitprior_runtime.errors import MissingFileError
from bitprior_runtime.files import read_bytes

RECORD, GENERATOR, SENSING, SAMPLES = "run.json", "generator.onnx", "sensing.onnx", "samples.npz"
MAX_RECORD_BYTES = 2**20
MAX_PIXELS = 2**24


@dataclass(frozen=True, eq=False)
class TrainingRun:
    """A finished run.

    Attributes:
        folder: Where it lies.
        record: All of run.json.
        dataset: Name of the training data.
        licence: Licence note of the training data.
        bits: Bit width of the generator's weights.
        geometry: (C, H, W).
        latent: k.
        measurements: m.
        measurement_kind: What A is, or None: look at its ops.
        sparsity: s of P_s, or None for dense latents.
        step_size: The learned beta.
        projection: What follows P_s in a step.
        seed: Seed of the run.
        images: Real validation images, float32 [N,C,H,W] in [0,1].
    """

    folder: Path
    record: Mapping[str, Any]
    dataset: str
    licence: str
    bits: int
    geometry: tuple[int, int, int]
    latent: int
    measurements: int
    measurement_kind: str | None
    sparsity: int | None
    step_size: float
    projection: Projection
    seed: int
    images: NDArray[np.float32]


def read_run(folder: str | os.PathLike[str]) -> TrainingRun:
    """Read what a run says about itself, and its sample images.

    Args:
        folder: A run that ``bitprior train`` finished.

    Raises:
        MissingFileError: No such folder.
        UnfinishedRunError: A file that the end of a training writes is missing.
        RunRecordError: run.json or samples.npz is damaged or says something impossible.
    """
    path = Path(folder)
    check_finished(path, (GENERATOR, SENSING, SAMPLES, RECORD))
    record = RunRecord.read(path)
    geometry = record.geometry()
    latent = record.integer("latent", 1)
    return TrainingRun(
        folder=path,
        record=record.values,
        dataset=record.text("dataset"),
        licence=record.text("licence"),
        bits=record.integer("bits", 1, 32),
        geometry=geometry,
        latent=latent,
        measurements=record.integer("measurements", 1),
        measurement_kind=record.measurement_kind(),
        sparsity=record.sparsity(latent),
        step_size=record.step_size(),
        projection=record.projection(),
        seed=record.integer("seed", 0),
        images=read_samples(path, geometry),
    )


def check_finished(folder: Path, names: Iterable[str]) -> None:
    """Check that a run's folder holds what the end of a training writes.

    Raises:
        MissingFileError: No such folder.
        UnfinishedRunError: A file is missing.
    """
    if not folder.is_dir():
        raise MissingFileError(
            f"the folder {folder} of a training run", "no such folder", "check it"
        )
    for name in names:
        if not (folder / name).is_file():
            raise UnfinishedRunError(
                f"{name} in {folder}, which bitprior train writes at its end",
                "no such file",
                f"finish the run: bitprior train DATASET --out {folder} --resume",
            )


class RunRecord:
    """run.json, field by field.

    Args:
        values: What it says.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values

    @classmethod
    def read(cls, folder: Path) -> "RunRecord":
        """Return that of a run.

        Raises:
            RunRecordError: It is no JSON object.
        """
        data = read_bytes(folder / RECORD, MAX_RECORD_BYTES)
        try:
            values = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise _wrong("JSON", str(error)) from error
        if not isinstance(values, dict):
            raise _wrong("a JSON object", type(values).__name__)
        return cls(values)

    def text(self, name: str) -> str:
        """Return a text that is not empty."""
        value = self._get(name)
        if not isinstance(value, str) or not value:
            raise _wrong(f"{name} as text", f"{value!a}")
        return value

    def integer(self, name: str, least: int, most: int = 2**31) -> int:
        """Return an integer in least..most."""
        value = self._get(name)
        if type(value) is not int or not least <= value <= most:
            raise _wrong(f"{name} as an integer in {least}..{most}", f"{value!a}")
        return value

    def geometry(self) -> tuple[int, int, int]:
        """Return (C, H, W)."""
        value = self._get("geometry")
        fits = isinstance(value, list) and len(value) == 3 and all(type(n) is int for n in value)
        if not fits or min(value) < 1 or math.prod(value) > MAX_PIXELS:
            raise _wrong("geometry as [C, H, W]", f"{value!a}")
        return (value[0], value[1], value[2])

    def sparsity(self, latent: int) -> int | None:
        """Return s of P_s, or None for dense latents."""
        return None if self._get("sparsity") is None else self.integer("sparsity", 1, latent)

    def step_size(self) -> float:
        """Return the learned beta."""
        value = self._get("step_size")
        if type(value) not in (int, float) or not 0 < value < math.inf:
            raise _wrong("step_size as a number above zero", f"{value!a}")
        return float(value)

    def measurement_kind(self) -> str | None:
        """Return what A is, if it is said."""
        return self.text("measurement_kind") if "measurement_kind" in self.values else None

    def projection(self) -> Projection:
        """Return what follows P_s in a step."""
        value = self.values.get("projection", "none")  # runs of 0.1 know none
        if value not in get_args(Projection):
            raise _wrong(f"projection as one of {', '.join(get_args(Projection))}", f"{value!a}")
        return cast(Projection, value)

    def _get(self, name: str) -> Any:
        if name not in self.values:
            raise _wrong(f"the field {name}", "no such field")
        return self.values[name]


def _wrong(expected: str, found: str) -> RunRecordError:
    return RunRecordError(
        f"{expected} in {RECORD}", found[:200], "train again, or restore the file as it was"
    )


def read_samples(folder: Path, geometry: tuple[int, int, int]) -> NDArray[np.float32]:
    """Return a run's validation images, float32 [N,C,H,W] in [0,1].

    Raises:
        RunRecordError: They are damaged, or others than run.json says.
    """
    data = read_bytes(folder / SAMPLES, MAX_ARCHIVE_BYTES)
    wanted = f"images float32 [N, {', '.join(map(str, geometry))}] in [0,1] in {SAMPLES}"
    todo = "train again, or restore the file as it was"
    try:
        images = read_archive(data)
    except BROKEN_ARCHIVE as error:
        raise RunRecordError(wanted, f"unreadable: {error}", todo) from error
    if images.dtype != np.float32 or images.shape[1:] != geometry or len(images) > MAX_IMAGES:
        raise RunRecordError(wanted, f"{images.dtype} of shape {images.shape}", todo)
    if not images.size or not (images.min() >= 0 and images.max() <= 1):  # also refuses NaN
        raise RunRecordError(wanted, "values outside, NaN, or no image", todo)
    return images
