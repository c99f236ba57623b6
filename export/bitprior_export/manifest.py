"""The manifest of a bundle, from what its source says and what its networks hold."""

from importlib.metadata import version

from bitprior_export.source import Source
from bitprior_runtime.bundle import Manifest, Measurement, Producer, Tolerances
from bitprior_runtime.bundle.manifest import FLOAT_BITS, Granularity
from bitprior_runtime.program import Program
from bitprior_runtime.tensors import Grid, QuantisedTensor
from bitprior_runtime.version import __version__

_PACKAGES = ("numpy", "onnx", "qonnx", "safetensors")


def make_manifest(source: Source, tolerances: Tolerances) -> Manifest:
    """Return the manifest of a source's bundle."""
    bits, grid, granularity = widest(source.generator.program)
    return Manifest(
        name=source.name,
        producer=Producer(__version__, {name: version(name) for name in _PACKAGES}),
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
    )


def widest(generator: Program) -> tuple[int, Grid | None, Granularity | None]:
    """Return bits, grid and granularity of the widest quantised weights."""
    weights = [t for t in generator.tensors.values() if isinstance(t, QuantisedTensor)]
    if not weights:
        return FLOAT_BITS, None, None
    widest = max(weights, key=lambda weight: weight.bits)
    return widest.bits, widest.grid, "per-tensor" if widest.axis is None else "per-channel"
