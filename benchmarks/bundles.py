"""Write the bundles that are timed: the papers' networks at a width, with their ONNX files."""

from dataclasses import replace

import numpy as np
from networks import programs

from bitprior_export.artefacts.write import write_artefacts
from bitprior_export.bundle import write_bundle
from bitprior_export.calibration import calibrate
from bitprior_runtime.bundle import (
    Bundle,
    GoldenCases,
    Manifest,
    Measurement,
    Producer,
    SolverDefaults,
    Tolerances,
)
from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.profiles import load_profile
from bitprior_runtime.shapes import infer_shapes
from bitprior_runtime.solvers import ProximalOptions, proximal
from bitprior_runtime.version import __version__

CASES, STEP_SIZE = 4, 0.01


def make_bundle(network, bits, sensing_bits=32):
    """Return a bundle with random weights, its golden cases worked out by the float engine."""
    generator, sensing = programs(network, bits, sensing_bits)
    engine = FloatEngine(generator, sensing)
    ((k,),) = generator.inputs.values()
    z, hidden = np.random.default_rng(0).standard_normal((2, CASES, k)).astype(np.float32)
    y = engine.sense(engine.generate(hidden))
    images = engine.generate(z)
    losses, gradients = engine.value_and_grad(z, y)
    trace = proximal(engine, y, z, ProximalOptions(10, STEP_SIZE, k // 2)).history
    manifest = Manifest(
        name=f"{network}-{bits}bit",
        producer=Producer(__version__),
        geometry=infer_shapes(generator)["x"],
        latent=k,
        measurement=Measurement("network", y.shape[1]),
        bits=bits,
        grid=None if bits == 32 else "binary" if bits == 1 else "wide",
        granularity=None if bits == 32 else "per-channel",
        solver=SolverDefaults(step_size=STEP_SIZE, sparsity=k // 2),
        tolerances=Tolerances(1e-4, 1e-4, 1e-3, 1e-2),
        licence="Random weights; free to use.",
        calibration=calibrate(generator, sensing, images, z),
    )
    golden = GoldenCases(z, y, images, engine.sense(images), gradients, losses, trace)
    return Bundle(manifest, generator, sensing, golden)


def write_timed_bundle(folder, network, bits, sensing_bits=32):
    """Write a bundle and its ONNX files; return the bundle's path."""
    bundle = make_bundle(network, bits, sensing_bits)
    path = folder / f"{network}-{bits}-{sensing_bits}.bitprior"
    files = write_artefacts(bundle, path.with_name(f"{path.stem}-onnx"), load_profile("pc"))
    hashes = {file.name: file.sha256 for file in files}
    write_bundle(path, replace(bundle, manifest=replace(bundle.manifest, companions=hashes)))
    return path
