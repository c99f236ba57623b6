"""The ops a program may use, with their numpy kernels: the definition of every engine."""

from collections.abc import Mapping

from bitprior_runtime.ops import (
    activations,
    convolution,
    elementwise,
    joining,
    linear,
    resize,
    shape,
)
from bitprior_runtime.ops.base import Op, Operand

OPS: Mapping[str, Op] = {
    **activations.OPS,
    **convolution.OPS,
    **elementwise.OPS,
    **joining.OPS,
    **linear.OPS,
    **resize.OPS,
    **shape.OPS,
}

__all__ = ["OPS", "Op", "Operand"]
