"""The threads of the native kernels."""

import ctypes
import weakref

from bitprior_runtime.kernels.library import check, library


class Pool:
    """Threads that share the rows of a batch; they end with this object.

    Args:
        threads: How many, the caller's included; at least 1.

    Attributes:
        handle: The ``bp_pool*`` for C.
        threads: How many.
    """

    def __init__(self, threads: int) -> None:
        native = library()
        self.handle = ctypes.c_void_p()
        check(native.bp_pool_create(threads, ctypes.byref(self.handle)), f"{threads} threads")
        self.threads = threads
        # Not at exit: the process ends its threads itself, and C may be in use until then.
        weakref.finalize(self, native.bp_pool_destroy, self.handle).atexit = False
