"""This machine's measured peaks, and how near to them an implementation comes.

A gradient cannot take less than the larger of two times: its multiply-adds at the fastest rate of
their precision, and one read of its weights in each direction at the speed measured for a working
set of that size. What a row reaches is that time over its own.
"""

import ctypes
import math
import os
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

SOURCE = Path(__file__).with_name("peaks.c")
FLAGS = ("-std=c11", "-O3", "-march=native", "-ffp-contract=fast", "-shared", "-fPIC", "-pthread")
READ, FLOATS, BYTES = 0, 1, 2
# Bytes of all threads together, from the first-level cache to what no cache holds.
SIZES = tuple(2**power for power in range(15, 27))
# Short windows, many of them: some fall between what else the machine does.
WINDOW_BYTES, WINDOW_ROUNDS, WINDOWS = 2**25, 200_000, 100


@dataclass(frozen=True)
class Peaks:
    """What so many threads reach together.

    Attributes:
        threads: How many.
        float_gmac_per_s: Multiply-adds of float32, in registers, 1e9 a second.
        byte_gmac_per_s: The same of bytes with 32-bit sums; None where no instruction is known.
        read_gb_per_s: (bytes of the working set, 1e9 bytes read a second), by size.
    """

    threads: int
    float_gmac_per_s: float
    byte_gmac_per_s: float | None
    read_gb_per_s: tuple[tuple[int, float], ...]

    def read(self, size):
        """Return GB/s for a working set of ``size`` bytes, between the sizes that were measured."""
        points = self.read_gb_per_s
        if size <= points[0][0]:
            return points[0][1]
        for (low, slow), (high, fast) in pairwise(points):
            if size <= high:
                share = math.log(size / low) / math.log(high / low)
                return slow + share * (fast - slow)
        return points[-1][1]

    def best_us(self, work, batch):
        """Return (microseconds a gradient needs at least, which peak says so), or None.

        Args:
            work: Its ``float_macs`` and ``byte_macs`` of one row, ``weight_bytes`` read.
            batch: Rows.
        """
        if work["byte_macs"] and self.byte_gmac_per_s is None:
            return None
        seconds = work["float_macs"] * batch / self.float_gmac_per_s
        seconds += work["byte_macs"] * batch / (self.byte_gmac_per_s or 1)
        kind = "bytes" if work["byte_macs"] else "float"
        # One copy, read once forward and once backward.
        reading = work["weight_bytes"] / self.read(work["weight_bytes"] / 2)
        best, why = max((seconds, kind), (reading, "read"))
        return best / 1e3, why

    def as_json(self):
        """Return the peaks, ready for JSON."""
        return asdict(self)


def from_json(found):
    """Return the peaks that :meth:`Peaks.as_json` wrote."""
    return Peaks(**{**found, "read_gb_per_s": tuple(map(tuple, found["read_gb_per_s"]))})


def best_of(several):
    """Return the best of several measurements with the same number of threads."""
    reads = zip(*(peaks.read_gb_per_s for peaks in several), strict=True)
    return Peaks(
        several[0].threads,
        max(peaks.float_gmac_per_s for peaks in several),
        max(peaks.byte_gmac_per_s or 0 for peaks in several) or None,
        tuple(max(points) for points in reads),
    )


def measure(threads):
    """Measure the peaks of so many threads.

    Raises:
        FileNotFoundError: There is no C compiler.
        CalledProcessError: It cannot compile for this machine.
    """
    with tempfile.TemporaryDirectory() as scratch:
        library = Path(scratch) / "peaks.so"
        compiler = os.environ.get("CC", "cc")
        subprocess.run([compiler, *FLAGS, SOURCE, "-o", library], check=True)
        code = ctypes.CDLL(str(library))
    code.best_window.restype = ctypes.c_double
    code.best_window.argtypes = (ctypes.c_int,) * 2 + (ctypes.c_size_t,) * 2 + (ctypes.c_int,)
    code.bytes_read.restype, code.bytes_read.argtypes = ctypes.c_size_t, (ctypes.c_size_t,)

    def multiply(kind):
        done = code.multiply_adds(kind) * WINDOW_ROUNDS * threads
        return done / code.best_window(kind, threads, 0, WINDOW_ROUNDS, WINDOWS) / 1e9

    def read(size):
        share = size // threads
        passes = max(1, WINDOW_BYTES // size)
        done = code.bytes_read(share) * threads * passes
        return done / code.best_window(READ, threads, share, passes, WINDOWS) / 1e9

    reads = tuple((size, read(size)) for size in SIZES)
    return Peaks(threads, multiply(FLOATS), multiply(BYTES) or None, reads)
