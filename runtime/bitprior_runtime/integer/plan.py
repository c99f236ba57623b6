"""What a program compiles to: integer nodes with every parameter worked out.

A plan holds all that a kernel needs, as plain integers and flat arrays: a kernel derives nothing
from real numbers. Every activation is an array of integers [batch, elements], flat within a row;
``shape`` only says how the elements lie. docs/integer.md says what each node computes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.ops.convolution import Geometry
from bitprior_runtime.program import Shape

Int32s: TypeAlias = NDArray[np.int32]

# Fixed-point one of the adjoint's factors: slopes of activations, ratios of channel scales.
UNIT_BITS = 14
UNIT = 1 << UNIT_BITS
# The measurement grid: its step is the calibrated range / 2^20, so that it reaches 16 times as far.
MEASUREMENT_BITS = 20
MEASUREMENT_MAX = 1 << 24
# A table has 2^TABLE_BITS segments over the 2^16 values of a 16-bit pre-activation.
TABLE_BITS = 10
# Cotangents between nodes are rounded to this many bits, so that two of them add up in int32.
COTANGENT_BITS = 29
COTANGENT_MAX = (1 << COTANGENT_BITS) - 1
# A gate that no output reaches.
NO_GATE = (-(2**31), 2**31 - 1)


class Kind(IntEnum):
    """What a node computes; the numbers are those of the C kernels."""

    DENSE = 0
    CONV = 1
    CONV_TRANSPOSE = 2
    ELEMENTWISE = 3
    GATHER = 4
    TABLE = 5


@dataclass(frozen=True)
class IntegerTensor:
    """An activation: real value = step * q, |q| <= limit.

    Attributes:
        name: Name of the program's tensor whose values these are.
        shape: Without the batch axis.
        step: Real value of 1.
        limit: Largest magnitude: at most 127 (8 bits), 32767 (16 bits) or MEASUREMENT_MAX.
    """

    name: str
    shape: Shape
    step: float
    limit: int

    @property
    def size(self) -> int:
        """Elements of a row."""
        return int(np.prod(self.shape, dtype=np.int64))


@dataclass(frozen=True, eq=False)
class Requantiser:
    """Multiply by multiplier * 2^-shift, one pair a channel: (v * multiplier + half) >> shift.

    Attributes:
        multiplier: int32 [channels], 0 or of magnitude in [2^30, 2^31).
        shift: int32 [channels], 1 to 62; half is 2^(shift - 1).
    """

    multiplier: Int32s
    shift: Int32s


@dataclass(frozen=True)
class Merge:
    """How a further cotangent of a tensor joins the one that is already there.

    The tensor's cotangents share one static real constant, that of the first; the further one is
    multiplied by multiplier * 2^exponent to share it.

    Attributes:
        multiplier: In [2^14, 2^15).
        exponent: Added to the exponents of its rows.
    """

    multiplier: int
    exponent: int


@dataclass(frozen=True, eq=False)
class LinearNode:
    """Gemm, MatMul, Conv or ConvTranspose, with a Relu or LeakyRelu fused if one follows.

    v = sum of weight * q + bias, exact in int32; output = requantised v, clamped to the limit of
    the output. The channel of element e is (e // inner) % channels.

    Attributes:
        kind: DENSE, CONV or CONV_TRANSPOSE.
        name: Name of the program's node, i.e. of its output.
        source: Id of the input tensor.
        target: Id of the output tensor.
        weight: int8 or int16, C-contiguous: [out, in] (DENSE: applied to each run of ``in``
            elements), [out, in / group, kh, kw] (CONV), [in, out / group, kh, kw] (CONV_TRANSPOSE).
        bits: Bit width of the codes the weight came from.
        code_multiplier: weight = code_multiplier * code - code_offset, code in 0..2^bits - 1.
        code_offset: See ``code_multiplier``.
        geometry: Patches of the convolution; None for DENSE.
        source_shape: [..., in] or [C, H, W]: the input as this node sees it.
        target_shape: [..., out] or [C, H, W].
        bias: int32 [channels].
        channels: Output channels.
        inner: Elements of one channel that lie together: 1 (DENSE), rows * columns (others).
        positive: Requantiser of v >= 0.
        negative: Requantiser of v < 0: the same if no activation is fused, multipliers 0 for Relu.
        slope_positive: int32 [channels], at most UNIT: cotangents where v > 0 are multiplied by it
            before the transposed product: ratio of the channel's scale to the largest.
        slope_negative: int32 [channels], where v <= 0: the same times the activation's slope.
        cotangent_limit: Cotangents are normalised to this magnitude before the product.
        merge: Set if another node has already given the input a cotangent, in reverse order.
    """

    kind: Kind
    name: str
    source: int
    target: int
    weight: NDArray[np.int8] | NDArray[np.int16]
    bits: int
    code_multiplier: int
    code_offset: int
    geometry: Geometry | None
    source_shape: Shape
    target_shape: Shape
    bias: Int32s
    channels: int
    inner: int
    positive: Requantiser
    negative: Requantiser
    slope_positive: Int32s
    slope_negative: Int32s
    cotangent_limit: int
    merge: Merge | None = None


@dataclass(frozen=True, eq=False)
class Operand:
    """One input of an element-wise node; all arrays are int32 [channels] of the node.

    Attributes:
        source: Id of the input tensor, which has the output's elements.
        positive: Multiplier of q > 0.
        negative: Multiplier of q <= 0.
        slope_positive: Cotangents where q > 0 are multiplied by it: of magnitude at most UNIT.
        slope_negative: Where q <= 0.
        normalise: Whether the cotangent is rounded to COTANGENT_BITS then; not needed if all
            slopes are -1, 0 or 1.
        merge: As in :class:`LinearNode`.
    """

    source: int
    positive: Int32s
    negative: Int32s
    slope_positive: Int32s
    slope_negative: Int32s
    normalise: bool
    merge: Merge | None = None


@dataclass(frozen=True, eq=False)
class ElementwiseNode:
    """Sums of scaled activations and a constant, piecewise linear functions, clips.

    v = sum over operands of multiplier * q, plus offset, in int64;
    output = clamp((v + 2^(shift - 1)) >> shift, low, high).

    Attributes:
        name: Name of the program's node.
        operands: One or more inputs.
        target: Id of the output tensor.
        offset: int64 [channels].
        shift: 1 to 62.
        channels: Length of the arrays; the channel of element e is (e // inner) % channels.
        inner: See ``channels``.
        low: Least output.
        high: Largest output.
        gate: No cotangent flows where output <= gate[0] or output >= gate[1].
    """

    name: str
    operands: tuple[Operand, ...]
    target: int
    offset: NDArray[np.int64]
    shift: int
    channels: int
    inner: int
    low: int
    high: int
    gate: tuple[int, int]
    kind: Kind = Kind.ELEMENTWISE


@dataclass(frozen=True, eq=False)
class GatherNode:
    """Elements in another order, zeros between them, or sums (means) of several.

    v[e] = sum over t of q[index[e, t]]; output = v, or v requantised and clamped for a mean.

    Attributes:
        name: Name of the program's node.
        source: Id of the input tensor.
        target: Id of the output tensor.
        index: int32 [elements, taps]: element of the input, or -1 for a zero.
        requantiser: Of a mean, [1] or [elements]; None: the output is v, its step the input's.
        slope: int32 [1] or [elements], cotangents are multiplied by it; None with requantiser.
        normalise: Whether the input's cotangent is rounded to COTANGENT_BITS.
        merge: As in :class:`LinearNode`.
    """

    name: str
    source: int
    target: int
    index: Int32s
    requantiser: Requantiser | None
    slope: Int32s | None
    normalise: bool
    merge: Merge | None = None
    kind: Kind = Kind.GATHER


@dataclass(frozen=True, eq=False)
class TableNode:
    """A function of a 16-bit pre-activation by table and linear interpolation.

    Attributes:
        name: Name of the program's node.
        source: Id of the input tensor, |q| <= 32767.
        target: Id of the output tensor.
        values: int32 [2^TABLE_BITS + 1], outputs at q = -32768, -32704, ..., 32768.
        slopes: int32 [2^TABLE_BITS + 1], derivatives there, of magnitude at most UNIT.
        merge: As in :class:`LinearNode`.
    """

    name: str
    source: int
    target: int
    values: Int32s
    slopes: Int32s
    merge: Merge | None = None
    kind: Kind = Kind.TABLE


IntegerNode: TypeAlias = LinearNode | ElementwiseNode | GatherNode | TableNode


@dataclass(frozen=True, eq=False)
class IntegerProgram:
    """One network; no two tensors share memory, and reshapes need no node.

    Attributes:
        name: ``"generator"`` or ``"sensing"``.
        tensors: All activations; ids are places in this sequence.
        source: Id of the input.
        target: Id of the output.
        nodes: In execution order.
    """

    name: str
    tensors: Sequence[IntegerTensor]
    source: int
    target: int
    nodes: Sequence[IntegerNode]


@dataclass(frozen=True, eq=False)
class IntegerPlan:
    """Both networks; the generator's output has the step and the limit of the sensing's input.

    loss = float32(loss_int * measurement step^2); gradient = float32(c * 2^e * gradient_scale).

    Attributes:
        generator: z -> x.
        sensing: x -> y.
        activation_bits: 8 or 16, of the generator's activations.
        cotangent_bits: 8 or 16, of cotangents.
        gradient_scale: Static real constant of the gradient's cotangents c * 2^e.
    """

    generator: IntegerProgram
    sensing: IntegerProgram
    activation_bits: int
    cotangent_bits: int
    gradient_scale: float

    @property
    def vjp_scale(self) -> float:
        """Static real constant of the cotangents of the latent, for real cotangents of y.

        ``gradient_scale`` holds the factor 2 * measurement step, by which a residual in integers is
        the gradient of the loss in y.
        """
        step = self.sensing.tensors[self.sensing.target].step
        return self.gradient_scale / (2.0 * step)
