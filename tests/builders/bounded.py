"""Open a file under the promises of the reader: under a second, and little memory."""

import gc
import time
import tracemalloc

from bitprior_runtime.bundle import Bundle, decode_bundle

MAX_SECONDS = 1.0
MAX_EXTRA_BYTES = 64 * 2**20


def decode_bounded(data: bytes) -> Bundle:
    """Decode ``data`` and assert that it took under 1 s and 2 x the file + 64 MiB at most.

    Processor time, not wall time: the machine may be busy with something else. And without
    garbage collection: a test run's own heap can take it tenths of a second.
    """
    gc.disable()
    tracemalloc.start()
    start = time.process_time()
    try:
        return decode_bundle(data)
    finally:
        seconds, peak = time.process_time() - start, tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        gc.enable()
        assert seconds < MAX_SECONDS
        # Once the file is the caller's, made before the counting began.
        assert peak <= len(data) + MAX_EXTRA_BYTES
