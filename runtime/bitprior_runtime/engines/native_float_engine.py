"""The float engine on native kernels: C on packed weights, the proximal loop inside."""

import ctypes
import threading
import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.engines.base import Loop
from bitprior_runtime.engines.last_drawn import LastDrawn
from bitprior_runtime.errors import UsageError
from bitprior_runtime.kernels.float_program import compile_programs
from bitprior_runtime.kernels.forks import survive_forks
from bitprior_runtime.kernels.library import (
    check,
    choose_kernel,
    choose_threads,
    kernel_name,
    library,
)
from bitprior_runtime.kernels.pool import Pool
from bitprior_runtime.kernels.structures import ProximalStruct
from bitprior_runtime.program import Program

Array = NDArray[Any]
FloatArray = NDArray[np.float32]


class NativeFloatEngine:
    """Float arithmetic in C; equal to :class:`FloatEngine` up to rounding.

    Weights stay in memory at their bit width, one copy for both directions. A row's result depends
    neither on the batch it is in nor on the number of threads.

    Args:
        generator: Program z -> x.
        sensing: Program x -> y.
        instructions: ``scalar``, ``avx2``, ``avx512vnni``, ``neon`` or ``sdot``; None: as
            BITPRIOR_KERNEL says, or the widest this CPU can run.
        threads: Threads that share a batch; None: as BITPRIOR_THREADS says, or 1.

    Attributes:
        instructions: The ones in use.
        threads: The number in use.

    Raises:
        NativeError: There is no native library, or memory ran out.
        UsageError: Instructions this CPU lacks, or a wrong number of threads.
        ProgramError: A program is malformed.
        UnsupportedOpError: A program has an op that the native kernels lack.
    """

    name = "float"
    kernel = "native"

    def __init__(
        self,
        generator: Program,
        sensing: Program,
        instructions: str | None = None,
        threads: int | None = None,
    ) -> None:
        isa = choose_kernel(instructions)
        self.instructions = kernel_name(isa)
        self.threads = choose_threads(threads)
        self._native = library()
        self._compiled = compile_programs(generator, sensing)
        self._latent = (self._compiled.latent,)
        self._pool = Pool(self.threads)
        self._isa = isa
        self._handle = ctypes.c_void_p()
        self._last: LastDrawn[bool] = LastDrawn()
        self._open()
        destroy = self._native.bp_float_engine_destroy
        weakref.finalize(self, destroy, self._handle).atexit = False
        # The workspaces serve one call at a time; C runs without the interpreter's lock.
        self._lock = threading.Lock()
        survive_forks(self)

    def _open(self) -> None:
        """Make the workspaces; see :mod:`bitprior_runtime.kernels.forks`."""
        struct, pool = ctypes.byref(self._compiled.struct), self._pool.handle
        made = ctypes.byref(self._handle)
        check(self._native.bp_float_engine_create(struct, self._isa, pool, made), "a float engine")
        self._last.forget()

    @property
    def workspace_bytes(self) -> int:
        """Bytes of the workspaces of all threads; the weights are not in them."""
        size = self._native.bp_float_engine_bytes
        size.restype = ctypes.c_int64
        return int(size(self._handle))

    def generate(self, z: Array) -> FloatArray:
        """Return G(z): images [B,C,H,W] in [0,1] from latents [B,k]."""
        latents = _dense("latents", z, self._latent)
        image = np.empty((len(latents), *self._compiled.image), np.float32)
        with self._lock:
            self._last.forget()
            self._native.bp_float_generate(
                self._handle, ctypes.c_int64(len(latents)), *map(_pointer, (latents, image))
            )
            self._last.keep(latents, True)
        return image

    def sense(self, x: Array) -> FloatArray:
        """Return A(x): measurements [B,m] from images [B,C,H,W] in [0,1]."""
        images = _dense("images", x, self._compiled.image)
        measured = np.empty((len(images), self._compiled.measurements), np.float32)
        self._run("bp_float_sense", images, measured)
        return measured

    def loss(self, z: Array, y: Array) -> FloatArray:
        """Return f(z) = ||y - A(G(z))||^2 per row, [B]."""
        latents, measured = self._problem(z, y)
        loss = np.empty(len(latents), np.float32)
        self._run("bp_float_gradient", latents, measured, loss, None)
        return loss

    def value_and_grad(self, z: Array, y: Array) -> tuple[FloatArray, FloatArray]:
        """Return f(z), [B], and its gradient with respect to z, [B,k]."""
        latents, measured = self._problem(z, y)
        loss, gradient = np.empty(len(latents), np.float32), np.empty_like(latents)
        self._run("bp_float_gradient", latents, measured, loss, gradient)
        return loss, gradient

    def vjp(self, z: Array, cotangent: Array) -> FloatArray:
        """Return J^T c, [B,k], of J = d A(G(z)) / dz for c [B,m] and z [B,k], or [1,k] for all."""
        latents = _dense("latents", z, self._latent)
        flowing = _dense("cotangents", cotangent, (self._compiled.measurements,))
        shared = len(latents) == 1
        if not shared:
            _check_pairs(latents, "a cotangent", flowing)
        gradient = np.empty((len(flowing), *self._latent), np.float32)
        with self._lock:
            if len(flowing) == 1 and self._last.at(latents):
                self._native.bp_float_pull(self._handle, *map(_pointer, (flowing, gradient)))
                return gradient
            self._last.forget()
            self._native.bp_float_vjp(
                self._handle,
                ctypes.c_int64(len(flowing)),
                ctypes.c_int(shared),
                *map(_pointer, (latents, flowing, gradient)),
            )
            if len(flowing) == 1:
                self._last.keep(latents, True)
        return gradient

    def loops(self, loop: Loop) -> bool:
        """Return True: C has all of them."""
        return True

    def proximal(self, z0: Array, y: Array, loop: Loop) -> tuple[FloatArray, FloatArray, Array]:
        """Run the proximal solver with a fixed step in C; see ``ProximalEngine``.

        Raises:
            NativeError: steps is below 1.
        """
        start, measured = self._problem(z0, y)
        z = start.copy()
        history = np.empty((loop.steps + 1, len(z)), np.float32)
        taken = np.empty(len(z), np.int64)
        options = ProximalStruct.of(loop)
        with self._lock:
            self._last.forget()
            status = self._native.bp_float_proximal(
                self._handle,
                ctypes.byref(options),
                ctypes.c_int64(len(z)),
                *(_pointer(array) for array in (measured, z, history, taken)),
            )
        check(status, "the proximal loop")
        return z, history, taken

    def _problem(self, z: Array, y: Array) -> tuple[FloatArray, FloatArray]:
        latents = _dense("latents", z, self._latent)
        measured = _dense("measurements", y, (self._compiled.measurements,))
        _check_pairs(latents, "a measurement", measured)
        return latents, measured

    def _run(self, function: str, first: FloatArray, *others: FloatArray | None) -> None:
        call = getattr(self._native, function)
        with self._lock:
            self._last.forget()
            call(self._handle, ctypes.c_int64(len(first)), *map(_pointer, (first, *others)))


def _dense(name: str, values: Array, shape: tuple[int, ...]) -> FloatArray:
    """Return a batch as C reads it. C trusts its sizes, so they are checked here."""
    if values.shape[1:] != shape or values.ndim == 0:
        wanted = ",".join(str(size) for size in ("B", *shape))
        raise UsageError(f"{name} [{wanted}]", f"shape {values.shape}", "use this model's sizes")
    return np.ascontiguousarray(values, dtype=np.float32)


def _check_pairs(latents: FloatArray, what: str, others: FloatArray) -> None:
    if len(latents) != len(others):
        raise UsageError(
            f"{what} for each of {len(latents)} latents", f"{len(others)}", "pair them"
        )


def _pointer(array: Array | None) -> ctypes.c_void_p:
    return ctypes.c_void_p(None if array is None else array.ctypes.data)
