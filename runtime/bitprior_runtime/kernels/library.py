"""Load the native library and choose one of its kernels. Without it numpy does all the work."""

import ctypes
import os
import re
from functools import cache
from pathlib import Path

from bitprior_runtime.errors import UsageError

# The BP_INTERFACE of bitprior.h this code is written for.
INTERFACE = 4
_REBUILD = "install bitprior with a C compiler, or run python hatch_build.py in the source tree"
_NAMES = ("scalar", "avx2", "avx512vnni", "neon", "sdot")
_MESSAGES = {
    1: "memory for its buffers ran out",
    2: "a thread could not be started",
    3: "an argument is out of its range",
}


class NativeError(UsageError):
    """The native library is missing, does not fit this package, or failed."""


def path() -> Path:
    """Return where the library lies; BITPRIOR_NATIVE_LIBRARY names another build of it."""
    named = os.environ.get("BITPRIOR_NATIVE_LIBRARY")
    return Path(named) if named else Path(__file__).with_name("_native.so")


@cache
def library() -> ctypes.CDLL:
    """Return the loaded library.

    Raises:
        NativeError: It was not built, cannot be loaded, or belongs to another version.
    """
    file = path()
    if not file.exists():
        raise NativeError("the native kernels", "they were not built", _REBUILD)
    try:
        loaded = ctypes.CDLL(str(file))
    except OSError as error:
        raise NativeError("native kernels for this machine", str(error), _REBUILD) from error
    found = int(loaded.bp_interface()) if hasattr(loaded, "bp_interface") else 0
    if found != INTERFACE:
        raise NativeError(f"native kernels of interface {INTERFACE}", f"{found}", _REBUILD)
    loaded.bp_isa_name.restype = ctypes.c_char_p
    return loaded


def problem() -> str | None:
    """Return why there are no native kernels here, or None if there are."""
    try:
        library()
    except NativeError as error:
        return error.found
    return None


def kernels() -> tuple[str, ...]:
    """Return the kernels this CPU can run, plainest first; none without the library."""
    if problem() is not None:
        return ()
    return tuple(name for isa, name in enumerate(_NAMES) if library().bp_isa_supported(isa))


def choose_kernel(name: str | None = None) -> int:
    """Return the index of a kernel in C.

    Args:
        name: ``scalar``, ``avx2``, ``avx512vnni``, ``neon`` or ``sdot``. None: BITPRIOR_KERNEL if
            that is set, else the widest this CPU can run.

    Raises:
        NativeError: No native library.
        UsageError: An unknown kernel, or one that this CPU cannot run.
    """
    library()
    name = name or os.environ.get("BITPRIOR_KERNEL") or kernels()[-1]
    if name not in kernels():
        raise UsageError(
            f"a native kernel among those this CPU can run: {', '.join(kernels())}",
            f"{name!r}",
            "change BITPRIOR_KERNEL or leave it out",
        )
    return _NAMES.index(name)


def kernel_name(isa: int) -> str:
    """Return the name of a kernel by its index in C."""
    return _NAMES[isa]


def choose_threads(threads: int | None = None) -> int:
    """Return how many threads a batch is split over: ``threads``, BITPRIOR_THREADS, or 1.

    Raises:
        UsageError: Not a number from 1 to 256.
    """
    text = os.environ.get("BITPRIOR_THREADS", "1") if threads is None else str(threads)
    if not re.fullmatch("[0-9]{1,9}", text) or not 1 <= int(text) <= 256:
        raise UsageError("1 to 256 threads", repr(text), "change threads or BITPRIOR_THREADS")
    return int(text)


def check(status: int, what: str) -> None:
    """Raise NativeError if a native function returned an error code.

    Args:
        status: What it returned.
        what: What it was to do, for the message.
    """
    if status:
        reason = _MESSAGES.get(status, f"error {status}")
        raise NativeError(what, reason, "use fewer rows or threads, or kernel='numpy'")
