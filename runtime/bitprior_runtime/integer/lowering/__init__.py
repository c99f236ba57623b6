"""From a program's ops to the few forms of ``integer.real``."""

from bitprior_runtime.integer.lowering.fusion import fuse
from bitprior_runtime.integer.lowering.lower import LOWERINGS, lower

__all__ = ["LOWERINGS", "fuse", "lower"]
