"""The ops a program may use, with their numpy kernels: the definition of every engine."""

from collections.abc import Mapping

from bitprior_runtime.ops import activations, convolution, elementwise, linear, shape
from bitprior_runtime.ops.base import Op, Operand

OPS: Mapping[str, Op] = {
    **activations.OPS,
    **convolution.OPS,
    **elementwise.OPS,
    **linear.OPS,
    **shape.OPS,
}

__all__ = ["OPS", "Op", "Operand"]
