"""Linear maps that act on each axis by itself: out = (M_1 x M_2 x ...) in.

One matrix per axis defines both directions: the adjoint is the same with every matrix transposed.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeAlias

import numpy as np

from bitprior_runtime.ops.base import Array, Attributes, refuse
from bitprior_runtime.program import Shape

# An axis, the batch counted as 0 -> its matrix, float64 [size out, size in].
Matrices: TypeAlias = Mapping[int, Array]
# From the shape of the input without the batch axis.
MatricesRule: TypeAlias = Callable[[Shape, Attributes], Matrices]

# A matrix of this size takes 32 MiB: a program may not ask for more.
MAX_SIZE = 2048


def check_sizes(op: str, sizes: Sequence[int]) -> None:
    """Check that a matrix over axes of these sizes is one we are ready to allocate.

    Raises:
        ProgramError: A size over MAX_SIZE.
    """
    if max(sizes) > MAX_SIZE:
        raise refuse(f"{op} from and to sizes of at most {MAX_SIZE}", f"{tuple(sizes)}")


def along(x: Array, matrix: Array, axis: int) -> Array:
    """Multiply every line of ``x`` along ``axis`` by ``matrix`` [size out, size in]."""
    before, size, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    own = matrix.astype(x.dtype)
    if after:
        product: Array = np.matmul(own, x.reshape(-1, size, math.prod(after)))
    else:
        product = x.reshape(-1, size) @ own.T
    return product.reshape(*before, len(matrix), *after)


def forward(rule: MatricesRule, inputs: Sequence[Array], attributes: Attributes) -> Array:
    """Apply the matrices of ``rule`` to the one input."""
    output = inputs[0]
    for axis, matrix in rule(output.shape[1:], attributes).items():
        output = along(output, matrix, axis)
    return output


def _vjp(
    rule: MatricesRule,
    cotangent: Array,
    inputs: Sequence[Array],
    output: Array,
    attributes: Attributes,
    index: int,
) -> Array:
    for axis, matrix in rule(inputs[0].shape[1:], attributes).items():
        cotangent = along(cotangent, matrix.T, axis)
    return cotangent


def vjp_of(
    rule: MatricesRule,
) -> Callable[[Array, Sequence[Array], Array, Attributes, int], Array]:
    """Return the vector-Jacobian product of a separable op."""
    return partial(_vjp, rule)
