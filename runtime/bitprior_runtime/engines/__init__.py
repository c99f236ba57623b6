"""Engines: the arithmetics in which a recovery can run."""

from bitprior_runtime.engines.base import Engine, ProximalEngine
from bitprior_runtime.engines.float_engine import FloatEngine
from bitprior_runtime.engines.native_float_engine import NativeFloatEngine

__all__ = ["Engine", "FloatEngine", "NativeFloatEngine", "ProximalEngine"]
