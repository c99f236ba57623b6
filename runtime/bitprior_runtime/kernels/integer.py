"""The native integer kernels, called with numpy arrays."""

import ctypes
import threading
import weakref
from ctypes import c_int64, c_void_p
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.engines.last_drawn import LastDrawn
from bitprior_runtime.integer.plan import IntegerPlan
from bitprior_runtime.kernels.forks import survive_forks
from bitprior_runtime.kernels.integer_plan import NativePlan
from bitprior_runtime.kernels.library import (
    check,
    choose_kernel,
    choose_threads,
    kernel_name,
    library,
)
from bitprior_runtime.kernels.pool import Pool
from bitprior_runtime.kernels.structures import ProximalStruct

Array = NDArray[Any]
Floats = NDArray[np.float32]

_ARGUMENTS: dict[str, list[type[Any]]] = {
    "bp_integer_generate": [c_void_p, c_int64, c_void_p],
    "bp_integer_sense": [c_void_p, c_int64, c_void_p],
    "bp_integer_value_and_grad": [c_void_p, c_void_p, c_int64, c_void_p, c_void_p],
    "bp_integer_vjp": [c_void_p, c_void_p, c_int64, c_void_p],
    "bp_integer_pull": [c_void_p, c_void_p],
    "bp_integer_proximal": [c_void_p, c_void_p, c_void_p, c_int64, c_void_p, c_void_p],
}
# Rows a thread works on at a time: many reuse unpacked weights, few stay in its cache.
MOST_ROWS = 16
_WORKSPACE_BYTES = 1 << 20
# Of an element of a row: activation, cotangent and sum, 32 bits each.
_ELEMENT_BYTES = 12


class IntegerKernels:
    """An integer plan in native code.

    Args:
        plan: The plan.
        instructions: See :func:`choose_kernel`.
        threads: Threads that share the rows, see :func:`choose_threads`.

    Attributes:
        instructions: The ones in use.
        threads: The number in use.
        weight_bytes: Bytes of the packed weights.

    Raises:
        NativeError: No native library, or no memory.
        UsageError: A kernel or a number of threads that cannot be.
        ProgramError: The native kernels cannot run the plan.
    """

    def __init__(
        self, plan: IntegerPlan, instructions: str | None = None, threads: int | None = None
    ) -> None:
        isa = choose_kernel(instructions)
        self.instructions = kernel_name(isa)
        self.threads = choose_threads(threads)
        self._pool = Pool(self.threads)
        self._plan = NativePlan(plan)
        self._rows = rows_at_a_time(plan)
        native = library()
        self._functions = _functions(native)
        self._value_and_grad = self._functions["bp_integer_value_and_grad"]
        self._held: _Held | None = None
        self._engine = ctypes.c_void_p()
        # One call at a time: the threads and their memory are one set.
        self._lock = threading.Lock()
        self._last: LastDrawn[bool] = LastDrawn()
        self._isa = isa
        self._open()
        survive_forks(self)
        self.weight_bytes = self._plan.weight_bytes
        # The engine must go before the pool, which this keeps alive.
        finalizer = weakref.finalize(self, _destroy, native, self._engine, self._pool)
        finalizer.atexit = False

    def _open(self) -> None:
        """Make the workspaces; see :mod:`bitprior_runtime.kernels.forks`."""
        made = library().bp_integer_create(
            ctypes.byref(self._plan.struct),
            self._isa,
            self._pool.handle,
            c_int64(self._rows),
            ctypes.byref(self._engine),
        )
        check(made, "an integer engine")
        self._last.forget()

    def generate(self, z: Floats, image: Floats) -> None:
        """Write the images of latents z [B,k]."""
        with self._lock:
            self._last.forget()
            status = self._functions["bp_integer_generate"](
                self._engine, _at(z), len(z), _at(image)
            )
            if not status:
                self._last.keep(z, True)
        self._check(status)

    def sense(self, x: Floats, y: Floats) -> None:
        """Write the measurements of images x [B, ...]."""
        self._call("bp_integer_sense", _at(x), len(x), _at(y))

    def loss(self, z: Floats, y: Floats) -> Floats:
        """Return the loss [B] of latents z [B,k] at measurements y [B,m]."""
        loss = np.empty(len(z), np.float32)
        self._call("bp_integer_value_and_grad", _at(z), _at(y), len(z), _at(loss), None)
        return loss

    def value_and_grad(self, z: Array, y: Array) -> tuple[Floats, Floats]:
        """Return the loss [B] of latents z [B,k] at measurements y [B,m], and its gradient."""
        with self._lock:
            self._last.forget()
            held = self._held
            if held is None or held.z.shape != z.shape or held.y.shape != y.shape:
                held = self._held = _Held.for_shapes(z.shape, y.shape)
            held.z[...] = z
            held.y[...] = y
            status = self._value_and_grad(self._engine, *held.arguments)
            result = held.loss.copy(), held.gradient.copy()
        self._check(status)
        return result

    def vjp(self, z: Floats, cotangent: Floats) -> Floats:
        """Return J^T c, [B,k], at latents z [B,k] for cotangents c [B,m]."""
        gradient = np.empty(z.shape, np.float32)
        with self._lock:
            if self._last.at(z):
                status = self._functions["bp_integer_pull"](
                    self._engine, _at(cotangent), _at(gradient)
                )
            else:
                self._last.forget()
                status = self._functions["bp_integer_vjp"](
                    self._engine, _at(z), _at(cotangent), len(z), _at(gradient)
                )
                if not status:
                    self._last.keep(z, True)
        self._check(status)
        return gradient

    def proximal(
        self, options: ProximalStruct, z: Floats, y: Floats, history: Floats, taken: Array
    ) -> None:
        """Move latents z [B,k] in place; write f, [steps + 1, B], and int64 steps taken, [B]."""
        where = ctypes.byref(options)
        self._call("bp_integer_proximal", where, _at(z), _at(y), len(z), _at(history), _at(taken))

    def _call(self, function: str, *arguments: object) -> None:
        with self._lock:
            self._last.forget()
            status = self._functions[function](self._engine, *arguments)
        self._check(status)

    def _check(self, status: int) -> None:
        check(status, f"memory for {self._rows} rows a thread")


class _Held(NamedTuple):
    """Arrays of a gradient that stay where they are.

    To ask numpy for the address of an array takes longer than to copy a small one, and for one
    row the gradient itself takes only some ten times as long.
    """

    z: Floats
    y: Floats
    loss: Floats
    gradient: Floats
    arguments: tuple[int, ...]

    @classmethod
    def for_shapes(cls, z: tuple[int, ...], y: tuple[int, ...]) -> "_Held":
        """Make arrays for latents and measurements of these shapes."""
        latents, measured, gradient = (np.empty(shape, np.float32) for shape in (z, y, z))
        loss = np.empty(z[0], np.float32)
        arguments = (_at(latents), _at(measured), z[0], _at(loss), _at(gradient))
        return cls(latents, measured, loss, gradient, arguments)


def rows_at_a_time(plan: IntegerPlan) -> int:
    """Return how many rows a thread works on at a time."""
    programs = (plan.generator, plan.sensing)
    elements = sum(tensor.size for program in programs for tensor in program.tensors)
    return max(1, min(MOST_ROWS, _WORKSPACE_BYTES // (_ELEMENT_BYTES * elements)))


def _destroy(native: ctypes.CDLL, engine: ctypes.c_void_p, pool: Pool) -> None:
    native.bp_integer_destroy(engine)
    del pool


def _functions(native: ctypes.CDLL) -> dict[str, Any]:
    """Return the functions with their argument types."""
    found = {}
    for name, types in _ARGUMENTS.items():
        function = getattr(native, name)
        function.argtypes = [c_void_p, *types]
        found[name] = function
    return found


def _at(values: Array) -> int:
    return int(values.ctypes.data)
