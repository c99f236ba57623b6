"""Sensing operators that are apart from any prior, and linear recovery from what they measure."""

from bitprior_runtime.sensing.blocks import Blocks
from bitprior_runtime.sensing.composed import Rows, Weighted
from bitprior_runtime.sensing.hadamard import Hadamard
from bitprior_runtime.sensing.matrix import Matrix
from bitprior_runtime.sensing.operator import Operator
from bitprior_runtime.sensing.patterns import Patterns
from bitprior_runtime.sensing.text import parse_operator

__all__ = [
    "Blocks",
    "Hadamard",
    "Matrix",
    "Operator",
    "Patterns",
    "Rows",
    "Weighted",
    "parse_operator",
]
