"""Native kernels: C on packed weights, loaded by ctypes, optional."""

from bitprior_runtime.kernels.library import NativeError, kernels, problem

__all__ = ["NativeError", "kernels", "problem"]
