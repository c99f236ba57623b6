"""Times that other work on the machine does not stretch.

One thread: the processor time of the call, which stands still while something else has the core.
Several: the wall clock, since waiting for each other is part of the cost; but calls in which a
thread of this process waited for a core (Linux counts it) are set aside.
"""

import time
from pathlib import Path

LEAST, SECONDS, MOST_SECONDS = 10, 0.6, 4.0
# A call counts if its threads waited for a core no longer than this share of it.
UNDISTURBED = 0.05


def waiting_seconds():
    """Return how long the threads of this process have waited for a core."""
    total = 0
    for file in Path("/proc/self/task").glob("*/schedstat"):
        total += int(file.read_text().split()[1])
    return total / 1e9


def time_calls(call, threads):
    """Time calls until there are enough.

    Args:
        call: What is timed; it is warm.
        threads: Threads it may use.

    Returns:
        Seconds of each call that counts, and the share of the time that these waited for a core:
        not above UNDISTURBED, unless the machine was never free for long enough.
    """
    if threads == 1:
        return processor_times(call), 0.0
    begin, calm, every = time.perf_counter(), [], []
    while True:
        waited = waiting_seconds()
        start = time.perf_counter()
        call()
        seconds = time.perf_counter() - start
        waited = waiting_seconds() - waited
        every.append((seconds, waited))
        if waited <= UNDISTURBED * seconds:
            calm.append((seconds, waited))
        if len(calm) >= LEAST and sum(seconds for seconds, _ in calm) >= SECONDS:
            break
        if len(every) >= LEAST and time.perf_counter() - begin > MOST_SECONDS:
            break
    kept = calm if len(calm) >= LEAST else every
    total = sum(seconds for seconds, _ in kept)
    return [seconds for seconds, _ in kept], sum(waited for _, waited in kept) / total


def processor_times(call):
    """Return the processor seconds of at least LEAST calls."""
    found = []
    while len(found) < LEAST or sum(found) < SECONDS:
        begin = time.process_time()
        call()
        found.append(time.process_time() - begin)
    return found
