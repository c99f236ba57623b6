"""The manifest of a bundle, from what a run says and what its networks hold."""

import hashlib
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from bitprior_export.errors import RunRecordError
from bitprior_export.training_run import GENERATOR, SENSING, TrainingRun
from bitprior_runtime.bundle import Manifest, Measurement, Producer, SolverDefaults, Tolerances
from bitprior_runtime.bundle.manifest import FLOAT_BITS, Granularity
from bitprior_runtime.program import Program
from bitprior_runtime.tensors import Grid, QuantisedTensor
from bitprior_runtime.version import __version__

_PACKAGES = ("numpy", "onnx", "qonnx", "safetensors")
# Of run.json, these are said elsewhere in the manifest.
_ELSEWHERE = ("licence", "geometry", "bits", "grid", "latent", "measurements")


def make_manifest(
    run: TrainingRun,
    generator: Program,
    sensing: Program,
    solver: SolverDefaults,
    tolerances: Tolerances,
) -> Manifest:
    """Return the manifest of a run's bundle.

    Raises:
        RunRecordError: run.json names another bit width than the generator has.
    """
    bits, grid, granularity = _widest(generator)
    if bits != run.bits:
        raise RunRecordError(
            f"a {run.bits}-bit generator, as run.json says",
            f"{bits} bits in {GENERATOR}",
            "export the files of one and the same run",
        )
    convolutional = any(node.op == "Conv" for node in sensing.nodes)
    return Manifest(
        name=f"{run.dataset}-{bits}bit",
        producer=Producer(__version__, {name: version(name) for name in _PACKAGES}),
        geometry=run.geometry,
        latent=run.latent,
        measurement=Measurement("cnn" if convolutional else "mlp", run.measurements),
        bits=bits,
        grid=grid,
        granularity=granularity,
        solver=solver,
        tolerances=tolerances,
        licence=run.licence,
        training=_training(run),
    )


def _widest(generator: Program) -> tuple[int, Grid | None, Granularity | None]:
    """Return bits, grid and granularity of the widest quantised weights."""
    weights = [t for t in generator.tensors.values() if isinstance(t, QuantisedTensor)]
    if not weights:
        return FLOAT_BITS, None, None
    widest = max(weights, key=lambda weight: weight.bits)
    return widest.bits, widest.grid, "per-tensor" if widest.axis is None else "per-channel"


def _training(run: TrainingRun) -> Mapping[str, Any]:
    kept = {name: value for name, value in run.record.items() if name not in _ELSEWHERE}
    sources = {
        name: hashlib.sha256((run.folder / name).read_bytes()).hexdigest()
        for name in (GENERATOR, SENSING)
    }
    return {**kept, "sources": sources}
