"""Sensing operators that are apart from any prior, and linear recovery from what they measure."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

# Where each is: modules are loaded when one is asked for, so that priors alone load quickly.
_MODULES = {
    "Averages": "masks",
    "Blocks": "blocks",
    "ChannelSum": "channels",
    "Coded": "masks",
    "Convolution": "convolution",
    "Cosines": "fourier",
    "Fringes": "fourier",
    "Hadamard": "hadamard",
    "Mask": "masks",
    "Matrix": "matrix",
    "Operator": "operator",
    "Patterns": "patterns",
    "PerChannel": "channels",
    "Rows": "composed",
    "Wavelet": "wavelet",
    "Weighted": "composed",
    "parse_operator": "text",
    "to_scipy": "scipy_operator",
}


def __getattr__(name: str) -> Any:
    """Load an operator by its name."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
