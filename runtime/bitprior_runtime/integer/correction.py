"""What the integer sensing network adds to every measurement alike, taken out of its last bias.

Rounded weights shift the sums of a layer by much the same for all images, since images have much
the same mean. The shift is what the network makes of the golden images, less what it should.
"""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.integer.forward import Forward, quantise
from bitprior_runtime.integer.plan import IntegerProgram
from bitprior_runtime.integer.real import Floats, RealLinear, RealProgram


def correction_of(
    sensing: IntegerProgram, images: NDArray[np.float32], sensed: NDArray[np.float32]
) -> Floats:
    """Return the mean of sensed - A(images) over the images, [m].

    Args:
        sensing: The integer network A, without correction.
        images: Images [N,C,H,W] in [0,1].
        sensed: What the float network makes of them [N,m].
    """
    found = Forward(sensing).run(quantise(images, sensing.tensors[sensing.source]))
    target = sensing.tensors[sensing.target]
    short = sensed.astype(np.float64) - found.values[sensing.target] * target.step
    # fsum rounds once: the mean is the same on every machine.
    return np.array([math.fsum(column) / len(images) for column in short.T])


def shifted(sensing: RealProgram, correction: Floats) -> RealProgram:
    """Return the network with the correction in the bias of the Gemm or MatMul that gives y.

    Networks that end in anything else stay as they are.
    """
    if not sensing.nodes:
        return sensing
    *before, last = sensing.nodes
    if not isinstance(last, RealLinear) or last.slope != 1.0:
        return sensing
    if last.bias.shape != correction.shape:
        return sensing
    return replace(sensing, nodes=[*before, replace(last, bias=last.bias + correction)])
