"""Random measurement matrices, the same in training, export and runtime: a kind and a seed."""

from bitprior_runtime.sensing.drawn import gaussian_matrix, rademacher_signs

__all__ = ["gaussian_matrix", "rademacher_signs"]
