"""Engines: the arithmetics in which a recovery can run.

Here are the interface and the reference; ``registry`` makes the others when they are asked for.
"""

from bitprior_runtime.engines.base import DifferentiableEngine, Engine, ProximalEngine
from bitprior_runtime.engines.float_engine import FloatEngine

__all__ = ["DifferentiableEngine", "Engine", "FloatEngine", "ProximalEngine"]
