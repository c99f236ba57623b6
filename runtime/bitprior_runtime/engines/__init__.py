"""Engines: the arithmetics in which a recovery can run."""

from bitprior_runtime.engines.base import DifferentiableEngine, Engine
from bitprior_runtime.engines.float_engine import FloatEngine
from bitprior_runtime.engines.integer_engine import IntegerEngine

__all__ = ["DifferentiableEngine", "Engine", "FloatEngine", "IntegerEngine"]
