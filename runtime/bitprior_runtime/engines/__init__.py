"""Engines: the arithmetics in which a recovery can run."""

from bitprior_runtime.engines.base import DifferentiableEngine, Engine, ProximalEngine
from bitprior_runtime.engines.float_engine import FloatEngine
from bitprior_runtime.engines.integer_engine import IntegerEngine
from bitprior_runtime.engines.native_float_engine import NativeFloatEngine
from bitprior_runtime.engines.native_integer_engine import NativeIntegerEngine

__all__ = [
    "DifferentiableEngine",
    "Engine",
    "FloatEngine",
    "IntegerEngine",
    "NativeFloatEngine",
    "NativeIntegerEngine",
    "ProximalEngine",
]
