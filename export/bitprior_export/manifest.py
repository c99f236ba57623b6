"""The manifest of a bundle, from what its source says and what its networks hold."""

from collections import Counter
from importlib.metadata import version
from typing import TYPE_CHECKING

from bitprior_export.frames import find_frames
from bitprior_runtime.bundle import Manifest, Measurement, Producer, Tolerances
from bitprior_runtime.bundle.checks import usual_width
from bitprior_runtime.bundle.manifest import FLOAT_BITS, Granularity
from bitprior_runtime.program import Program
from bitprior_runtime.tensors import Grid, QuantisedTensor
from bitprior_runtime.version import __version__

if TYPE_CHECKING:
    from bitprior_export.source import Source

_PACKAGES = ("numpy", "onnx", "qonnx", "safetensors")


def make_manifest(source: "Source", tolerances: Tolerances) -> Manifest:
    """Return the manifest of a source's bundle."""
    bits, grid, granularity = usual_weights(source.generator.program)
    frames, latents = find_frames(source.generator.program, source.latents)
    return Manifest(
        name=source.name,
        producer=make_producer(),
        geometry=source.geometry,
        latent=source.latent,
        measurement=Measurement(source.measurement, source.measurements),
        bits=bits,
        grid=grid,
        granularity=granularity,
        solver=source.solver,
        tolerances=tolerances,
        licence=source.licence,
        training=source.training,
        latents=latents or {},
        frames=frames,
    )


def make_producer() -> Producer:
    """Return what writes bundles here: bitprior and the packages behind it."""
    return Producer(__version__, {name: version(name) for name in _PACKAGES})


def usual_weights(generator: Program) -> tuple[int, Grid | None, Granularity | None]:
    """Return bits, grid and granularity of the weights that a prior is called by."""
    weights = [t for t in generator.tensors.values() if isinstance(t, QuantisedTensor)]
    if not weights:
        return FLOAT_BITS, None, None
    counts: Counter[int] = Counter()
    for weight in weights:
        counts[weight.bits] += weight.codes.size
    bits = usual_width(counts)
    usual = max((w for w in weights if w.bits == bits), key=lambda weight: weight.codes.size)
    return bits, usual.grid, "per-tensor" if usual.axis is None else "per-channel"
