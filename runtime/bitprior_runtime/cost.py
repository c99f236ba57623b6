"""What a network costs to run, in the units of qonnx's inference-cost analysis.

Equal to ``qonnx-inference-cost`` without its discount for weights that are zero, on the layers it
knows (Gemm, MatMul, Conv). It leaves ConvTranspose out; here one counts as the convolution whose
adjoint it is. Biases, activations and element-wise ops count nothing, as there.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bitprior_runtime.summary import SummaryRow

# Activations are float32 in every graph we write.
ACTIVATION_BITS = 32


@dataclass(frozen=True)
class Cost:
    """Costs for one image; qonnx's names in brackets.

    Attributes:
        macs: Multiply-adds (total_macs).
        bops: Multiply-adds x bits of the weight x bits of the activation (total_bops).
        weights: Weights of the layers (total_mem_w_elems).
        weight_bits: Bits to store them, without scales (total_mem_w_bits).
        outputs: Values the layers write (total_mem_o_elems).
        output_bits: Bits to store those (total_mem_o_bits).
    """

    macs: int
    bops: int
    weights: int
    weight_bits: int
    outputs: int
    output_bits: int


def cost(rows: Sequence[SummaryRow]) -> Cost:
    """Add up the costs of the layers among the rows of a summary."""
    layers = [(row, row.bits) for row in rows if row.bits is not None]
    outputs = sum(math.prod(row.shape) for row, _ in layers)
    return Cost(
        macs=sum(row.macs for row, _ in layers),
        bops=sum(row.macs * bits * ACTIVATION_BITS for row, bits in layers),
        weights=sum(row.weights for row, _ in layers),
        weight_bits=sum(row.weights * bits for row, bits in layers),
        outputs=outputs,
        output_bits=outputs * ACTIVATION_BITS,
    )
