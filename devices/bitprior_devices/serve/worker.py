"""The one thread that recovers: frames of the camera, and uploads between them."""

import queue
import threading
import time
import traceback
from collections.abc import Sequence

import numpy as np

from bitprior_devices.cameras.figures import Figures
from bitprior_devices.cameras.fitting import fit_frames
from bitprior_devices.cameras.newest import Newest
from bitprior_devices.cameras.source import Frame
from bitprior_devices.serve.board import Board
from bitprior_devices.serve.prior import Prior
from bitprior_devices.serve.snapshot import Snapshot
from bitprior_runtime.errors import BitpriorError, UsageError
from bitprior_runtime.recovery import FloatArray, Recovery

# Uploads being read, waiting or worked on; the next one is asked to come back.
MAX_UPLOADS = 8
# Seconds an upload waits for its turn.
UPLOAD_SECONDS = 60.0
# Seconds the worker waits for a frame before it looks for an upload, and for an upload where there
# is no camera.
_TURN = 0.05


class Upload:
    """Measurements somebody sent, and what became of them.

    Args:
        bundle: Number of the bundle.
        y: Measurements [B,m], checked.
    """

    def __init__(self, bundle: int, y: FloatArray) -> None:
        self.bundle = bundle
        self.y = y
        self.recovery: Recovery | None = None
        self.refusal: BitpriorError | None = None
        self.done = threading.Event()


class Worker:
    """Recovers, one thing at a time.

    Args:
        priors: The bundles.
        feed: Frames; None: only uploads.
        board: Where snapshots go.
        figures: Filled.
        warm_start: Start from the latent of the frame before.

    Attributes:
        slots: Taken for as long as an upload is read, waits or is worked on.
    """

    def __init__(
        self,
        priors: Sequence[Prior],
        feed: Newest[Frame] | None,
        board: Board,
        figures: Figures,
        warm_start: bool = False,
    ) -> None:
        self.priors = priors
        self.figures = figures
        self.slots = threading.BoundedSemaphore(MAX_UPLOADS)
        self._feed = feed
        self._board = board
        self._warm_start = warm_start
        self._uploads: queue.SimpleQueue[Upload] = queue.SimpleQueue()
        self._selected = 0
        self._latent: tuple[int, FloatArray] | None = None

    @property
    def selected(self) -> int:
        """Number of the bundle that frames go through."""
        return self._selected

    def select(self, index: int) -> None:
        """Send frames through another bundle.

        Raises:
            UsageError: There is no such bundle.
        """
        if not 0 <= index < len(self.priors):
            raise UsageError(
                f"a bundle from 0 to {len(self.priors) - 1}", f"{index}", "choose one of them"
            )
        self._selected = index
        self._board.update(selected=index)

    def submit(self, upload: Upload) -> Recovery | None:
        """Wait for an upload to be recovered; None if that takes too long or fails.

        Raises:
            BitpriorError: These measurements cannot be recovered, e.g. as they are too large.
        """
        self._uploads.put(upload)
        upload.done.wait(UPLOAD_SECONDS)
        if upload.refusal is not None:
            raise upload.refusal
        return upload.recovery

    def run(self, stop: threading.Event, frames: int | None = None) -> None:
        """Work until told to stop, or for so many frames."""
        while not stop.is_set() and (frames is None or self.figures.done < frames):
            self._uploaded()
            if self._feed is not None:
                frame = self._feed.take(_TURN)
                if frame is not None:
                    self._framed(frame)

    def _uploaded(self) -> None:
        try:
            upload = self._uploads.get(block=self._feed is None, timeout=_TURN)
        except queue.Empty:
            return
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused below
                upload.recovery = self.priors[upload.bundle].recover(upload.y)
        except BitpriorError as error:
            upload.refusal = error
        except Exception:
            # Whatever somebody sent must not end the service for everybody.
            traceback.print_exc()
        finally:
            upload.done.set()

    def _framed(self, frame: Frame) -> None:
        figures, index = self.figures, self._selected
        prior = self.priors[index]
        prior.prepare()
        figures.add("wait", time.monotonic() - frame.captured)
        with figures.timed("fit"):
            x = fit_frames(frame.pixels, prior.model.geometry)
        with figures.timed("sense"):
            y = prior.model.sense(x)
        with figures.timed("recover"):
            recovery = prior.recover(y, self._start(index))
        figures.add("camera to image", time.monotonic() - frame.captured)
        figures.finish()
        if self._feed is not None:
            figures.dropped = self._feed.dropped
        if self._warm_start and np.isfinite(recovery.latent).all():
            self._latent = (index, recovery.latent)
        self._board.publish(
            Snapshot(
                frame, index, x[0], y[0], recovery, figures.medians(), figures.rate, figures.dropped
            )
        )

    def _start(self, index: int) -> FloatArray | None:
        latent = self._latent
        return latent[1] if latent is not None and latent[0] == index else None
