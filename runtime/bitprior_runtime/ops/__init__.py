"""The ops a program may use, with their numpy kernels: the definition of every engine."""

from collections.abc import Mapping

from bitprior_runtime.ops import (
    activations,
    convolution,
    elementwise,
    functions,
    hard,
    joining,
    linear,
    normalisation,
    padding,
    parametric,
    pooling,
    rearranging,
    reduction,
    resize,
    shape,
)
from bitprior_runtime.ops.base import Op, Operand

OPS: Mapping[str, Op] = {
    **activations.OPS,
    **convolution.OPS,
    **elementwise.OPS,
    **functions.OPS,
    **hard.OPS,
    **joining.OPS,
    **linear.OPS,
    **normalisation.OPS,
    **padding.OPS,
    **parametric.OPS,
    **pooling.OPS,
    **rearranging.OPS,
    **reduction.OPS,
    **resize.OPS,
    **shape.OPS,
}

__all__ = ["OPS", "Op", "Operand"]
