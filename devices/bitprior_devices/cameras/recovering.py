"""``bitprior recover --stream``: a stream of measurements on standard input to images."""

import json as json_text
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bitprior_devices.cameras.figures import Figures
from bitprior_devices.cameras.live_line import LiveLine
from bitprior_devices.cameras.newest import Newest
from bitprior_devices.cameras.stopping import stopping
from bitprior_devices.cameras.stream import Record, StreamReader, clock_name
from bitprior_runtime.errors import UsageError
from bitprior_runtime.files import check_folder, check_writable, write_atomically
from bitprior_runtime.images import encode_png
from bitprior_runtime.model import Model
from bitprior_runtime.recovery import FloatArray

_STDIN = 0


def recover_stream(
    model: Model,
    out: Path,
    options: Mapping[str, Any],
    *,
    latent: FloatArray | None = None,
    warm_start: bool = False,
    frames: int | None = None,
    json: bool = False,
) -> None:
    """Recover an image from each record, or from the newest if they come too fast.

    Args:
        model: The prior.
        out: A .png file, which always holds the newest image; or a folder that gets them all.
        options: Of :meth:`Model.recover`.
        latent: Where each recovery starts, [1,k]; with ``warm_start`` only the first one.
        warm_start: Start from the latent of the image before.
        frames: End after so many.
        json: Print the figures as one JSON object.

    Raises:
        UsageError: Standard input is a terminal, or ``out`` neither.
        StreamError: No stream, of another size, or cut short.
    """
    _check_out(out)
    if os.isatty(_STDIN):
        raise UsageError(
            "a stream on standard input",
            "a terminal",
            "run: bitprior sense MODEL --camera 0 | bitprior recover MODEL --stream ...",
        )
    figures = Figures()
    line = LiveLine(figures)
    recovering = _Recovering(model, out, options, latent, warm_start, figures)
    try:
        with stopping():
            # The first recovery makes the engine: not on the time of a frame.
            m = model.bundle.manifest.measurement.size
            model.recover(np.zeros((1, m), np.float32), **{**options, "steps": 1})
            _run(recovering, frames, figures, line)
    finally:
        line.end()
    loss = "none" if recovering.loss is None else f"{recovering.loss:.4g}"
    text = f"Recovered: {figures.line()}; last loss {loss}, written to {out}"
    result = {**figures.as_json(), "loss": recovering.loss, "out": str(out)}
    print(json_text.dumps(result) if json else text)


def _run(recovering: "_Recovering", frames: int | None, figures: Figures, line: LiveLine) -> None:
    reader = StreamReader(_STDIN)
    recovering.begin(reader)
    newest = Newest(iter(reader)) if reader.header.live else None
    records: Iterable[Record] = newest or reader
    for record in records:
        recovering.step(record)
        figures.finish()
        line.update()
        if figures.done == frames:
            break


class _Recovering:
    """What goes on from record to record."""

    def __init__(
        self,
        model: Model,
        out: Path,
        options: Mapping[str, Any],
        latent: FloatArray | None,
        warm_start: bool,
        figures: Figures,
    ) -> None:
        self.loss: float | None = None
        self._model = model
        self._out = out
        self._options = options
        self._warm_start = warm_start
        self._figures = figures
        self._latent = latent
        self._comparable = False
        self._first: int | None = None

    def begin(self, reader: StreamReader) -> None:
        """Check that the stream belongs to the prior."""
        wanted, m = self._model.bundle.manifest.measurement.size, reader.header.m
        if m != wanted:
            raise UsageError(
                f"measurements of {wanted} values for this bundle",
                f"a stream with m = {m}",
                "sense with the same bundle",
            )
        # Of a recording the time since it was read says how full the pipe is, and nothing else.
        self._comparable = reader.header.live and reader.header.clock == clock_name() != ""

    def step(self, record: Record) -> None:
        """Recover and write one image."""
        if self._first is None:
            self._first = record.index - self._figures.done
        with self._figures.timed("recover"):
            recovery = self._model.recover(
                record.measurement[None], latent=self._latent, **self._options
            )
        with self._figures.timed("write"):
            target = self._out
            if target.suffix != ".png":
                target = target / f"frame-{record.index:08d}.png"
            write_atomically(target, encode_png(recovery.image[0]), durable=False)
        if self._comparable:
            self._figures.add("camera to file", time.monotonic() - record.captured)
        if self._warm_start:
            self._latent = recovery.latent
        self.loss = float(recovery.loss[0])
        # What either end dropped is missing between the first index and this one.
        self._figures.dropped = record.index - self._first - self._figures.done


def _check_out(out: Path) -> None:
    if out.suffix == ".png":
        check_writable(out)
        return
    if out.suffix:
        raise UsageError("--out ending in .png, or a folder", f"{out.name!r}", "change --out")
    check_folder(out).mkdir(parents=True, exist_ok=True)
