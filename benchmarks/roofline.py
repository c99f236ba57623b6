"""This machine's measured peaks, one thread: bytes a second, float32 multiply-adds a second."""

import time

import numpy as np

SECONDS = 0.3
# A working set in the second-level cache, and one that no cache holds.
SIZES = {"cache": 512 * 2**10, "memory": 256 * 2**20}


def best(call):
    """Return the shortest of many calls, seconds."""
    call()
    times = []
    while sum(times) < SECONDS or len(times) < 3:
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return min(times)


def peaks():
    """Return GB/s of reading cache and memory, and GMAC/s of a float32 matrix product."""
    read = {}
    for name, size in SIZES.items():
        values = np.ones(size // 4, np.float32)
        read[f"{name}_gb_per_s"] = size / best(lambda v=values: np.dot(v, v)) / 1e9
    square = np.ones((768, 768), np.float32)
    out = np.empty_like(square)
    seconds = best(lambda: np.matmul(square, square, out=out))
    return {**read, "float_gmac_per_s": 768**3 / seconds / 1e9}
