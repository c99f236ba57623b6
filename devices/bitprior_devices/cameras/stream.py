"""The stream of measurements between ``sense --camera`` and ``recover --stream``.

One line of JSON, then records of one size until the end:

    {"bitprior_stream": 1, "m": 100, "live": true, "clock": "..."}
    uint64   index of the frame; grows, and a gap is frames that were dropped
    float64  when it was captured, s, on the clock of the header
    float32  the measurement, m values

All little-endian. ``live``: records come when they come, and a reader that is too slow skips to the
newest. ``clock`` names the clock: two processes that read the same name may compare times.
"""

import json
import math
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.bundle.strict_json import parse
from bitprior_runtime.errors import BitpriorError, UsageError

VERSION = 1
MAX_HEADER = 4096
MAX_MEASUREMENTS = 2**20
_PREFIX = struct.Struct("<Qd")
_KEYS = {"bitprior_stream", "m", "live", "clock"}
_SOURCE = "pipe in what 'bitprior sense MODEL --camera ...' writes"


class StreamError(UsageError):
    """What arrives is not a stream of measurements, or is cut short."""


@dataclass(frozen=True)
class Header:
    """What a stream says first.

    Attributes:
        m: Values a measurement has.
        live: Whether a slow reader skips to the newest record.
        clock: Name of the clock of ``captured``; empty: of no clock another process knows.
    """

    m: int
    live: bool
    clock: str = ""


@dataclass(frozen=True, eq=False)
class Record:
    """One measurement.

    Attributes:
        index: Number of its frame.
        captured: When the frame was captured, s.
        measurement: y, float32 [m].
    """

    index: int
    captured: float
    measurement: NDArray[np.float32]


def clock_name() -> str:
    """Return a name of this machine's monotonic clock, which begins anew with every boot."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def encode_header(header: Header) -> bytes:
    """Return the first line of a stream."""
    fields = {"bitprior_stream": VERSION, "m": header.m, "live": header.live}
    return json.dumps({**fields, "clock": header.clock}).encode() + b"\n"


def encode_record(record: Record) -> bytes:
    """Return the bytes of a record."""
    values = np.ascontiguousarray(record.measurement, dtype="<f4")
    return _PREFIX.pack(record.index, record.captured) + values.tobytes()


class StreamReader:
    """Reads a stream without trusting it.

    Args:
        descriptor: File descriptor; read without a buffer of Python's, so that a thread that waits
            for it does not hold up the end of the process.

    Attributes:
        header: What the stream said first.

    Raises:
        StreamError: The first line is no header.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = b""
        self.header = _decode_header(self._line())
        self._size = _PREFIX.size + 4 * self.header.m

    def __iter__(self) -> Iterator[Record]:
        """Yield records until the end.

        Raises:
            StreamError: Cut short inside a record, an index that does not grow, or no finite
                number.
        """
        last = -1
        while data := self._exactly(self._size):
            record = _decode_record(data)
            if record.index <= last:
                raise _broken("an index that grows", f"{record.index} behind {last}")
            last = record.index
            yield record

    def _line(self) -> bytes:
        line = b""
        while b"\n" not in line and len(line) <= MAX_HEADER:
            part = os.read(self._descriptor, MAX_HEADER)
            if not part:
                break
            line += part
        line, newline, self._rest = line.partition(b"\n")
        if not newline or len(line) > MAX_HEADER:
            raise _broken(f"a line of at most {MAX_HEADER} bytes", _quoted(line) or "nothing")
        return line

    def _exactly(self, size: int) -> bytes:
        parts = [self._rest[:size]]
        got = len(parts[0])
        self._rest = self._rest[size:]
        while got < size:
            part = os.read(self._descriptor, size - got)
            if not part:
                break
            parts.append(part)
            got += len(part)
        if 0 < got < size:
            raise _broken(f"records of {size} bytes", f"{got} bytes at its end")
        return b"".join(parts)


def _decode_header(line: bytes) -> Header:
    wanted = 'a line {"bitprior_stream": 1, "m": ..., "live": ..., "clock": ...}'
    try:
        fields = parse(line, "the first line")
    except BitpriorError as error:
        raise _broken(wanted, _quoted(line)) from error
    if not isinstance(fields, dict) or set(fields) != _KEYS:
        raise _broken(wanted, _quoted(line))
    version, m, live, clock = (fields[key] for key in ("bitprior_stream", "m", "live", "clock"))
    if version != VERSION:
        raise _broken(f"version {VERSION}", f"version {_quoted(str(version).encode())}")
    right = _integer(m) and isinstance(live, bool) and isinstance(clock, str)
    if not right or not 1 <= m <= MAX_MEASUREMENTS:  # type: ignore[operator]
        raise _broken(f"m from 1 to {MAX_MEASUREMENTS}, live and a clock", _quoted(line))
    return Header(m, live, clock)  # type: ignore[arg-type]


def _integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _decode_record(data: bytes) -> Record:
    index, captured = _PREFIX.unpack_from(data)
    values = np.frombuffer(data, dtype="<f4", offset=_PREFIX.size).astype(np.float32)
    if not math.isfinite(captured) or not np.isfinite(values).all():
        raise _broken("finite values", f"NaN or Inf in record {index}")
    return Record(index, captured, values)


def _broken(expected: str, found: str) -> StreamError:
    return StreamError(f"a stream of measurements: {expected}", found, _SOURCE)


def _quoted(line: bytes) -> str:
    return ascii(line[:60].decode(errors="replace")) if line else ""
