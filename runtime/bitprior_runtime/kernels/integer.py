"""The native integer kernels, called with numpy arrays."""

import ctypes
import threading
import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.integer.plan import IntegerPlan
from bitprior_runtime.kernels.integer_plan import NativePlan
from bitprior_runtime.kernels.library import check, choose_kernel, choose_threads, library
from bitprior_runtime.kernels.pool import Pool

Array = NDArray[Any]
Floats = NDArray[np.float32]

# Rows a thread works on at a time: enough to reuse unpacked weights, few enough for its caches.
ROWS_AT_A_TIME = 16


class IntegerKernels:
    """An integer plan in native code.

    Args:
        plan: The plan.
        kernel: Instruction set, see :func:`choose_kernel`.
        threads: Threads that share the rows, see :func:`choose_threads`.

    Attributes:
        weight_bytes: Bytes of the packed weights.

    Raises:
        NativeError: No native library, or no memory.
        UsageError: A kernel or a number of threads that cannot be.
        ProgramError: The native kernels cannot run the plan.
    """

    def __init__(
        self, plan: IntegerPlan, kernel: str | None = None, threads: int | None = None
    ) -> None:
        isa = choose_kernel(kernel)
        self._pool = Pool(choose_threads(threads))
        self._plan = NativePlan(plan)
        self._native = library()
        self._engine = ctypes.c_void_p()
        # One call at a time: the threads and their memory are one set.
        self._lock = threading.Lock()
        made = self._native.bp_integer_create(
            ctypes.byref(self._plan.struct),
            isa,
            self._pool.handle,
            ctypes.c_int64(ROWS_AT_A_TIME),
            ctypes.byref(self._engine),
        )
        check(made, "an integer engine")
        self.weight_bytes = self._plan.weight_bytes
        # The engine must go before the pool, which this keeps alive.
        finalizer = weakref.finalize(self, _destroy, self._native, self._engine, self._pool)
        finalizer.atexit = False

    def generate(self, z: Array, elements: int) -> Floats:
        """Return images [B, elements] of latents [B,k]."""
        latents = _floats(z)
        image = np.empty((len(latents), elements), np.float32)
        self._call("bp_integer_generate", _at(latents), _rows(latents), _at(image))
        return image

    def sense(self, x: Array, measurements: int) -> Floats:
        """Return measurements [B,m] of images [B, ...]."""
        images = _floats(x)
        y = np.empty((len(images), measurements), np.float32)
        self._call("bp_integer_sense", _at(images), _rows(images), _at(y))
        return y

    def loss(self, z: Array, y: Array) -> Floats:
        """Return the loss of each row, [B]."""
        latents, measured = _floats(z), _floats(y)
        loss = np.empty(len(latents), np.float32)
        self._value(latents, measured, loss, None)
        return loss

    def value_and_grad(self, z: Array, y: Array) -> tuple[Floats, Floats]:
        """Return the loss of each row, [B], and its gradient [B,k]."""
        latents, measured = _floats(z), _floats(y)
        loss, gradient = np.empty(len(latents), np.float32), np.empty_like(latents)
        self._value(latents, measured, loss, _at(gradient))
        return loss, gradient

    def _value(
        self, z: Floats, y: Floats, loss: Floats, gradient: ctypes.c_void_p | None
    ) -> None:
        function = "bp_integer_value_and_grad"
        self._call(function, _at(z), _at(y), _rows(z), _at(loss), gradient)

    def _call(self, function: str, *arguments: object) -> None:
        with self._lock:
            status = getattr(self._native, function)(self._engine, *arguments)
        check(status, f"memory for {ROWS_AT_A_TIME} rows a thread")


def _destroy(native: ctypes.CDLL, engine: ctypes.c_void_p, pool: Pool) -> None:
    native.bp_integer_destroy(engine)
    del pool


def _floats(values: Array) -> Floats:
    return np.ascontiguousarray(values, dtype=np.float32)


def _rows(values: Floats) -> ctypes.c_int64:
    return ctypes.c_int64(len(values))


def _at(values: Floats) -> ctypes.c_void_p:
    return ctypes.c_void_p(values.ctypes.data)
