"""Cases for tests/runtime/kernels/integer_self_test.c: inputs and numpy's results in one file."""

import ctypes
import struct

import numpy as np

from bitprior_runtime.integer.requantise import rounding_shift
from bitprior_runtime.kernels.integer_plan import NativePlan
from bitprior_runtime.kernels.integer_weights import stored_bits
from bitprior_runtime.solvers import ProximalOptions, proximal
from builders.integer_kernels import TILE_INS, TILE_OUTS

PRODUCT, REQUANTISE, ENGINE = 1, 2, 3


def number(value):
    """Return an int64."""
    return struct.pack("<q", int(value))


def array(values):
    """Return an array with its length before it."""
    raw = values if isinstance(values, bytes) else np.ascontiguousarray(values).tobytes()
    return number(len(raw)) + raw


def product(rng, bits, outs, ins, count, transposed):
    """Return a product of random codes and rows."""
    stored = stored_bits(bits)
    strips, words = -(-outs // TILE_OUTS), -(-ins // (TILE_INS * 8 // stored))
    sides = (words * TILE_INS * 8 // stored, strips * TILE_OUTS)
    length, width = sides[::-1] if transposed else sides
    codes = rng.integers(0, 2**bits, (outs, ins)).astype(np.uint8)
    rows = rng.integers(-128, 128, (count, length)).astype(np.int8)
    matrix = codes if transposed else codes.T
    expected = np.zeros((count, width), np.int32)
    expected[:, : matrix.shape[1]] = rows[:, : len(matrix)].astype(np.int64) @ matrix
    head = (PRODUCT, stored, outs, ins, strips, words, transposed, count, length, width)
    return b"".join(map(number, head)) + array(codes) + array(rows) + array(expected)


def requantise(rng, size, limit):
    """Return random sums to requantise."""
    v = rng.integers(-(2**31), 2**31, size).astype(np.int32)
    factors = rng.integers(2**30, 2**31, (2, size)).astype(np.int32)
    shifts = rng.integers(1, 63, (2, size)).astype(np.int32)
    up, down = rounding_shift(v.astype(np.int64) * factors, shifts)
    expected = np.clip(np.where(v >= 0, up, down), -limit, limit).astype(np.int32)
    arrays = (v, factors[0], shifts[0], factors[1], shifts[1], expected)
    return number(REQUANTISE) + number(limit) + b"".join(map(array, arrays))


def engine(reference, z, y, options: ProximalOptions):
    """Return a plan with a gradient and a recovery of the numpy engine."""
    native = NativePlan(reference.plan)
    loss, gradient = reference.value_and_grad(z, y)
    solution = proximal(reference, y, z, options)
    sparsity = -1 if options.sparsity is None else options.sparsity
    settings = np.array([options.step_size, options.tolerance], np.float32)
    return b"".join(
        [
            number(ENGINE),
            _blocks(native),
            number(len(z)),
            *map(array, (z, y, loss, gradient)),
            number(options.steps),
            number(sparsity),
            number(options.momentum),
            *map(array, (settings, solution.latent, _whole(solution.history, options.steps))),
            array(solution.steps),
        ]
    )


def _blocks(native):
    """Return all memory of a native plan with its addresses, the plan itself first."""
    found = [native.struct, *native.kept]
    parts = [number(len(found))]
    for item in found:
        structs = not isinstance(item, np.ndarray)
        at = ctypes.addressof(item) if structs else item.ctypes.data
        raw = bytes(item) if structs else item.tobytes()
        parts += [number(at), number(structs), array(raw)]
    return b"".join(parts)


def _whole(history, steps):
    """Repeat the last losses of a run that stopped early, as the loop in C does."""
    return np.pad(history, ((0, steps + 1 - len(history)), (0, 0)), mode="edge")
