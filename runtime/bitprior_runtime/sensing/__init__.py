"""Sensing operators that are apart from any prior, and linear recovery from what they measure."""

from bitprior_runtime.sensing.blocks import Blocks
from bitprior_runtime.sensing.channels import ChannelSum, PerChannel
from bitprior_runtime.sensing.composed import Rows, Weighted
from bitprior_runtime.sensing.convolution import Convolution
from bitprior_runtime.sensing.fourier import Cosines, Fringes
from bitprior_runtime.sensing.hadamard import Hadamard
from bitprior_runtime.sensing.masks import Averages, Coded, Mask
from bitprior_runtime.sensing.matrix import Matrix
from bitprior_runtime.sensing.operator import Operator
from bitprior_runtime.sensing.patterns import Patterns
from bitprior_runtime.sensing.scipy_operator import to_scipy
from bitprior_runtime.sensing.text import parse_operator
from bitprior_runtime.sensing.wavelet import Wavelet

__all__ = [
    "Averages",
    "Blocks",
    "ChannelSum",
    "Coded",
    "Convolution",
    "Cosines",
    "Fringes",
    "Hadamard",
    "Mask",
    "Matrix",
    "Operator",
    "Patterns",
    "PerChannel",
    "Rows",
    "Wavelet",
    "Weighted",
    "parse_operator",
    "to_scipy",
]
