"""Benchmarks of a model's engines, each in a process of its own."""

from bitprior_runtime.bench.measure import BenchRow, measure
from bitprior_runtime.bench.run import BenchRequest, run_bench

__all__ = ["BenchRequest", "BenchRow", "measure", "run_bench"]
