"""``bitprior recover --camera --jobs``: many acquisitions of one camera, one picture each.

Pictures that are there already are left alone, so that a broken run goes on where it stopped; a
file that does not serve is told at the end and does not stop the others.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import typer

from bitprior_runtime.camera.camera_file import read_camera
from bitprior_runtime.camera.readings import ENDINGS, read_array
from bitprior_runtime.cli.output import emit, progress_bar
from bitprior_runtime.cli.recover_camera import (
    CameraRequest,
    check_request,
    doubts_of_camera,
    recover_one,
)
from bitprior_runtime.errors import BitpriorError, MissingFileError, UsageError
from bitprior_runtime.model import Model, load


@dataclass(frozen=True)
class Item:
    """One acquisition.

    Attributes:
        readings: Its file.
        row: Its row of a stack; None: the file holds one acquisition.
        out: Where its picture goes.
    """

    readings: Path
    row: int | None
    out: Path

    @property
    def name(self) -> str:
        """The file's name, with the row."""
        return self.readings.name + ("" if self.row is None else f", row {self.row}")


def recover_many(bundle: Path, request: CameraRequest, jobs: int, json: bool) -> None:
    """Recover all acquisitions of a folder, or all rows of a file, and print what became of them.

    Args:
        bundle: Bundle or name of the zoo; every process loads it once.
        request: What to do with each; ``readings`` is a folder or a file of a stack, ``out`` a
            folder.
        jobs: Processes at a time.
        json: Whether figures go to stdout as JSON.

    Raises:
        UsageError: Nothing to recover, or an option that is for one picture only.
        typer.Exit: With 1 if one failed, or with ``strict`` if one is doubtful.
    """
    check_request(request)
    if request.out.exists() and not request.out.is_dir():
        expected = "a folder for --out where there are many acquisitions"
        raise UsageError(expected, f"the file {request.out}", "name a folder")
    read_camera(request.camera)
    load(bundle)  # a bundle that is none is told at once
    items = items_of(request)
    request.out.mkdir(parents=True, exist_ok=True)
    open_items = [item for item in items if not item.out.exists()]
    done: dict[str, dict[str, Any]] = {}
    with progress_bar("Recovering") as progress:
        for item, found in _results(bundle, request, open_items, jobs):
            done[item.name] = found
            progress(len(done), len(open_items))
    rows = [
        {"readings": item.name, "out": str(item.out), **done.get(item.name, {"status": "there"})}
        for item in items
    ]
    counts = {
        status: sum(row["status"] == status for row in rows)
        for status in ("recovered", "there", "failed")
    }
    emit({**counts, "rows": rows}, "\n".join(_lines(rows, counts)), json)
    doubtful = request.strict and any(row.get("doubts") for row in rows)
    if counts["failed"] or doubtful:
        raise typer.Exit(1)


def items_of(request: CameraRequest) -> Sequence[Item]:
    """Return every acquisition of a folder (each file one), or of a file (each row one).

    Raises:
        MissingFileError: No such folder or file.
        UsageError: None in it, or two whose pictures would have the same name.
    """
    camera = read_camera(request.camera)
    source = camera.readings_path(request.readings)
    if source.is_dir():
        files = sorted(p for p in source.iterdir() if p.suffix.lower() in ENDINGS and p.is_file())
        items = [Item(path, None, request.out / f"{path.stem}.png") for path in files]
        if len({item.out for item in items}) < len(items):
            raise UsageError("files whose names differ before the ending", source.name, "rename")
    elif source.is_file():
        array, _ = read_array(source, camera.key)
        stem = source.stem
        if array.ndim != 2:
            raise UsageError(
                f"a folder, or readings [R,N] in {source}", f"{array.shape}", "name it"
            )
        items = [
            Item(source, row, request.out / f"{stem}-{row:04d}.png") for row in range(len(array))
        ]
    else:
        raise MissingFileError(f"a folder or file {source}", "none", "check its name")
    if not items:
        raise UsageError(f"readings in {source}: {', '.join(ENDINGS)}", "none", "check the folder")
    return items


def _results(
    bundle: Path, request: CameraRequest, items: Sequence[Item], jobs: int
) -> Iterator[tuple[Item, dict[str, Any]]]:
    """Yield what became of each as it is done; with one job in this process."""
    if jobs == 1 or len(items) < 2:
        for item in items:
            yield item, recovered(bundle, request, item)
        return
    threads = request.options.get("threads") or 1
    request = replace(request, options={**request.options, "threads": threads})
    with ProcessPoolExecutor(min(jobs, len(items)), get_context("spawn")) as pool:
        futures = {pool.submit(recovered, bundle, request, item): item for item in items}
        for future in as_completed(futures):
            try:
                yield futures[future], future.result()
            except BrokenProcessPool:
                why = "its process, or that of another, ended (out of memory?): run again"
                yield futures[future], {"status": "failed", "error": why}


def recovered(bundle: Path, request: CameraRequest, item: Item) -> dict[str, Any]:
    """Recover one acquisition and return its figures; an error is one of them.

    Args:
        bundle: Bundle or name of the zoo.
        request: What to do.
        item: Acquisition.
    """
    one = replace(request, readings=item.readings, out=item.out)
    try:
        found, figures = recover_one(_loaded(bundle), one, item.row)
    except BitpriorError as error:
        return {"status": "failed", "error": " ".join(str(error).split())}
    return {"status": "recovered", **figures, "doubts": list(doubts_of_camera(found))}


@cache
def _loaded(bundle: Path) -> Model:
    return load(bundle)


def _lines(rows: Sequence[dict[str, Any]], counts: dict[str, int]) -> Iterator[str]:
    for row in rows:
        if row["status"] == "recovered":
            yield f"  {row['readings']}: explains {100 * row['explained']:.2f} %, {row['out']}"
            yield from (f"    doubtful: {doubt}" for doubt in row["doubts"])
        elif row["status"] == "failed":
            yield f"  {row['readings']}: FAILED, {row['error']}"
    yield (
        f"{counts['recovered']} recovered, {counts['there']} there already, "
        f"{counts['failed']} failed"
    )
