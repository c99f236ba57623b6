"""Engines: the arithmetics in which a recovery can run."""

from bitprior_runtime.engines.base import DifferentiableEngine, Engine
from bitprior_runtime.engines.float_engine import FloatEngine

__all__ = ["DifferentiableEngine", "Engine", "FloatEngine"]
