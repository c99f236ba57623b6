"""Recover images from compressed measurements with a low-bit generative prior.

    from bitprior_runtime import load

    model = load("mnist-4bit.bitprior")
    y = model.sense(x)              # x: float32 [B,C,H,W] in [0,1]; y: [B,m]
    recovery = model.recover(y)     # minimises f(z) = ||y - A(G(z))||^2 over the latent z
    recovery.image                  # float32 [B,C,H,W] in [0,1]

Needs numpy and safetensors; nothing else is imported.
"""

from bitprior_runtime.bundle import BundleError
from bitprior_runtime.errors import BitpriorError
from bitprior_runtime.model import Model, load
from bitprior_runtime.recovery import Recovery
from bitprior_runtime.version import __version__

__all__ = ["BitpriorError", "BundleError", "Model", "Recovery", "__version__", "load"]
