"""Sensing operators that are apart from any prior, and linear recovery from what they measure."""

from bitprior_runtime.sensing.blocks import Blocks
from bitprior_runtime.sensing.matrix import Matrix
from bitprior_runtime.sensing.operator import Operator
from bitprior_runtime.sensing.text import parse_operator

__all__ = ["Blocks", "Matrix", "Operator", "parse_operator"]
