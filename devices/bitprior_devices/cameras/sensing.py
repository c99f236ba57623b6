"""``bitprior sense --camera``: frames to a stream of measurements on standard output."""

import json as json_text
import os
import stat
import threading
from functools import partial

from bitprior_devices.cameras.address import open_source
from bitprior_devices.cameras.figures import Figures
from bitprior_devices.cameras.fitting import check_geometry, fit_frames
from bitprior_devices.cameras.grabbing import Grabber, Patience
from bitprior_devices.cameras.live_line import LiveLine
from bitprior_devices.cameras.newest import Newest
from bitprior_devices.cameras.stopping import stopping
from bitprior_devices.cameras.stream import (
    Header,
    Record,
    clock_name,
    encode_header,
    encode_record,
)
from bitprior_runtime.errors import UsageError
from bitprior_runtime.model import Model

_STDOUT = 1


def sense_camera(
    model: Model,
    camera: str,
    *,
    frames: int | None = None,
    realtime: bool = False,
    patience: float = 60.0,
    json: bool = False,
) -> None:
    """Write a stream of measurements until the recording ends, or whoever reads it is gone.

    Args:
        model: Whose sensing operator and geometry.
        camera: See :func:`open_source`.
        frames: End after so many.
        realtime: Play a recording at its own rate, as if it were a camera.
        patience: Longest wait for a camera that is not there, s.
        json: Write the figures as JSON; on stderr, since stdout is the stream.

    Raises:
        UsageError: Standard output is a terminal; no such camera, file or folder.
        CameraError: The camera is not there for longer than ``patience``.
    """
    if os.isatty(_STDOUT):
        raise UsageError(
            "a pipe or file for the stream",
            "a terminal",
            "add: | bitprior recover MODEL --stream --out latest.png",
        )
    check_geometry(model.geometry)
    figures = Figures()
    # In a pipe it is the other end that has the line on the terminal.
    line = LiveLine(figures, shown=not stat.S_ISFIFO(os.fstat(_STDOUT).st_mode))
    try:
        with stopping() as stop:
            grabber = Grabber(
                partial(open_source, camera),
                stop,
                figures,
                patience=Patience(patience),
                realtime=realtime,
                told=lambda text, _: line.say(text),
            )
            _stream(model, grabber, realtime, frames, figures, line, stop)
    except BrokenPipeError:
        pass  # whoever read the stream has seen enough
    finally:
        line.end()
    report = figures.as_json()
    line.say(json_text.dumps(report) if json else f"Sensed: {figures.line()}")


def _stream(
    model: Model,
    grabber: Grabber,
    realtime: bool,
    frames: int | None,
    figures: Figures,
    line: LiveLine,
    stop: threading.Event,
) -> None:
    source = grabber.open()
    if source is None:
        return
    live = source.live or realtime
    header = Header(model.bundle.manifest.measurement.size, live, clock_name())
    _write(encode_header(header))
    newest = Newest(iter(grabber)) if live else None
    try:
        for frame in newest or grabber:
            with figures.timed("fit"):
                x = fit_frames(frame.pixels, model.geometry)
            with figures.timed("sense"):
                y = model.sense(x)
            with figures.timed("send"):
                _write(encode_record(Record(frame.index, frame.captured, y[0])))
            figures.finish()
            figures.dropped = newest.dropped if newest else 0
            line.update()
            if figures.done == frames:
                break
    finally:
        stop.set()
        if newest:
            newest.join()


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(_STDOUT, view) :]
