"""A picture that grows with its readings: recovered again whenever enough new ones are in."""

import json
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bitprior_devices.serve.acquisition import Acquisition
from bitprior_devices.serve.board import Board
from bitprior_devices.serve.reading_source import ReadingSource
from bitprior_devices.serve.snapshot import picture
from bitprior_runtime.camera.recovering import CameraRecoverer, CameraRecovery
from bitprior_runtime.errors import BitpriorError, UsageError

# Seconds between two looks at a wish to end, and between two counts on the page.
_TURN = 0.1
PSEUDO_INVERSE = "pseudo-inverse"


@dataclass(frozen=True, eq=False)
class Grown:
    """A picture from the readings so far.

    Attributes:
        readings: How many there were.
        patterns: m of the camera.
        prior: The picture.
        plain: The pseudo-inverse of the same readings.
        curve: Readings and explained share of all pictures so far.
    """

    readings: int
    patterns: int
    prior: CameraRecovery
    plain: CameraRecovery
    curve: tuple[tuple[int, float], ...]

    def as_json(self) -> dict[str, Any]:
        """Return its figures."""
        corrected, found = self.prior.corrected, self.prior.recovery
        return {
            "readings": self.readings,
            "patterns": self.patterns,
            "used": len(corrected.used),
            "left_out": dict(corrected.left_out),
            "explained": self.prior.explained,
            "seconds": self.prior.seconds,
            "engine": "" if found is None else f"{found.engine}/{found.kernel}",
        }

    @cached_property
    def encoded(self) -> bytes:
        """All that the page shows of it, as one line of JSON."""
        pictures = {
            "image": picture(self.prior.image[0]),
            "plain": picture(self.plain.image[0]),
            "curve": self.curve,
        }
        return json.dumps({**self.as_json(), **pictures}).encode()


class Growing:
    """Takes readings in one thread and recovers in another.

    Args:
        name: Of the prior.
        recoverer: Of the camera.
        source: Of its readings.

    Attributes:
        board: Where pictures and counts go.
        newest: The last picture; None: there is none yet.
        recoveries: How many there were.
    """

    def __init__(self, name: str, recoverer: CameraRecoverer, source: ReadingSource) -> None:
        self.newest: Grown | None = None
        self.recoveries = 0
        self._recoverer, self._source = recoverer, source
        places = recoverer.camera.detector.readings_of(recoverer.operator.size)
        self._acquisition = Acquisition(int(places.max()) + 1)
        self._curve: tuple[tuple[int, float], ...] = ()
        self.board = Board({"name": name, "message": "", **self.counts()})

    def take(self, stop: threading.Event) -> None:
        """Take readings until they end or it is told to stop; for a thread of its own."""
        told, message = 0.0, ""
        try:
            for values in self._source.parts(stop):
                self._acquisition.add(values)
                if time.monotonic() - told >= _TURN:
                    self.board.update(**self.counts())
                    told = time.monotonic()
        except OSError as error:
            message = f"{self._source.name}: {error.strerror or error}"
            print(message, file=sys.stderr, flush=True)
        self._acquisition.end()
        self.board.update(**self.counts(), **({"message": message} if message else {}))

    def run(self, stop: threading.Event) -> None:
        """Recover whenever it is due, until told to stop."""
        used = 0
        while not stop.is_set():
            if self._acquisition.due(used, _TURN):
                values = self._acquisition.values()
                used = len(values)
                self._recover(values)

    def counts(self) -> dict[str, Any]:
        """Return how far the acquisition is."""
        acquisition, lines = self._acquisition, self._source.lines
        return {
            "readings": acquisition.count,
            "wanted": acquisition.wanted,
            "beyond": acquisition.beyond,
            "unreadable": 0 if lines is None else lines.unreadable,
            "ended": acquisition.ended,
        }

    def as_json(self) -> dict[str, Any]:
        """Return counts, and the figures of the newest picture."""
        newest = self.newest
        found = {**self.counts(), "recoveries": self.recoveries}
        return {**found, "picture": None if newest is None else newest.as_json()}

    def _recover(self, values: Any) -> None:
        try:
            plain = self._recoverer.recover(values, PSEUDO_INVERSE)
            prior = self._recoverer.recover(values)
        except UsageError as error:  # too few readings yet, or none that can be used
            self.board.update(message=str(error))
            return
        except (BitpriorError, ArithmeticError, ValueError):
            # Whatever readings come, the page goes on.
            traceback.print_exc()
            self.board.update(message="the recovery failed; see the terminal")
            return
        self._curve = (*self._curve, (len(values), prior.explained))
        patterns = self._recoverer.operator.size
        self.newest = Grown(len(values), patterns, prior, plain, self._curve)
        self.recoveries += 1
        self.board.update(message="")
        self.board.publish(self.newest)
