"""Read a folder of results: JSON files of several kinds, and images beside them."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from bitprior_export.image_files import BROKEN_ARCHIVE, MAX_ARCHIVE_BYTES
from bitprior_export.report.cameras.reading import CAMERAS_KIND, parse_cameras
from bitprior_export.report.findings import Findings
from bitprior_export.report.photo.reading import PHOTO_KIND, parse_photos
from bitprior_export.report.reading import KIND, parse_result, parse_samples
from bitprior_export.report.results import Result
from bitprior_export.report.surgery.prior import PRIOR, parse_prior
from bitprior_export.report.surgery.reading import COMPARISON, parse_comparison
from bitprior_runtime.errors import MissingFileError, UsageError
from bitprior_runtime.files import read_bytes

MAX_JSON_BYTES = 2**24

# What the JSON says, the name of the file, and the bytes of the archive beside it.
T = TypeVar("T")
Parse = Callable[[Any, str, bytes | None], T]


def read_findings(folder: Path) -> Findings:
    """Return the evaluations, comparisons and priors of a folder, by file name.

    Other JSON objects, such as those of benchmarks, are passed over.

    Raises:
        MissingFileError: No such folder.
        UsageError: It holds none of them, or a file that is not what it says.
    """
    if not folder.is_dir():
        raise MissingFileError(f"a folder of results {folder}", "no such folder", "check the name")
    documents = [
        (path, _document(path))
        for path in sorted(folder.glob("*.json"), key=lambda path: path.stem)
    ]

    def of(kind: str, parse: Parse[T]) -> list[T]:
        return [_parsed(path, found, parse) for path, found in documents if _kind(found) == kind]

    findings = Findings(
        of(KIND, _result),
        of(COMPARISON, parse_comparison),
        of(PRIOR, parse_prior),
        of(PHOTO_KIND, parse_photos),
        of(CAMERAS_KIND, parse_cameras),
    )
    found = (
        findings.results,
        findings.comparisons,
        findings.priors,
        findings.photos,
        findings.cameras,
    )
    if not any(found):
        raise UsageError(
            f"results in {folder}", "none", "run: bitprior evaluate BUNDLE --out FOLDER/NAME.json"
        )
    return findings


def _document(path: Path) -> Any:
    try:
        return json.loads(read_bytes(path, MAX_JSON_BYTES))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"JSON in {path}", str(error)[:120], "correct or remove it") from error


def _kind(document: Any) -> Any:
    return document.get("kind") if isinstance(document, Mapping) else None


def _parsed(path: Path, document: Any, parse: Parse[T]) -> T:
    """Return what a file says; a clone of the project has no images beside it."""
    images = path.with_suffix(".npz")
    archive = read_bytes(images, MAX_ARCHIVE_BYTES) if images.is_file() else None
    try:
        return parse(document, path.stem, archive)
    except UsageError:
        raise
    except BROKEN_ARCHIVE as error:
        raise UsageError(
            f"an archive of images at {images}",
            f"unreadable: {error}",
            "make the results again or remove it",
        ) from error


def _result(document: Any, name: str, archive: bytes | None) -> Result:
    return parse_result(document, name, None if archive is None else parse_samples(archive))
