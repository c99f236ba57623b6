"""What is mutated: the golden bundle of each format, priors of the zoo, every op in a bundle."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from bitprior_export.bundle import encode_bundle
from bitprior_runtime.bundle import Bundle, BundleError, Calibration
from bitprior_runtime.program import Node, Program
from bitprior_runtime.shapes import infer_shapes
from bitprior_runtime.tensors import FloatTensor
from bitprior_runtime.zoo import find_bundle
from builders.bundles import tiny_bundle, with_fista
from builders.cases import Case
from builders.op_cases import CASES
from builders.photo import photo_bundle

GOLDEN = Path(__file__).parents[2] / "golden"
ZOO = ("mnist-1bit-m25", "photo-1bit")
# To one of the zoo.
OFTEN = 4


@cache
def seeds() -> Mapping[str, bytes]:
    """Return the files that are mutated, by name; the same in every process."""
    found = {path.name: path.read_bytes() for path in sorted(GOLDEN.glob("*.bitprior"))}
    for bits in (1, 2, 3, 4, 32):
        found[f"tiny-{bits}"] = encode_bundle(calibrated(tiny_bundle(bits)))
    found["fista"] = encode_bundle(calibrated(with_fista(tiny_bundle(4))))
    found |= {f"photo-{bits}": encode_bundle(photo_bundle(bits)) for bits in (1, 4, 32)}
    found |= {name: find_bundle(name).read_bytes() for name in ZOO}
    return {**found, **dict(_ops())}


def seed_of(rng: random.Random) -> str:
    """Return the name of a seed; priors of the zoo, which take a hundred times as long, rarely."""
    small = [name for name in seeds() if name not in ZOO]
    return rng.choice([*OFTEN * small, *ZOO])


def _ops() -> Iterator[tuple[str, bytes]]:
    for number, case in enumerate(CASES):
        try:
            yield f"op-{number}-{case.op}", encode_bundle(calibrated(with_op(case)))
        except BundleError:
            continue  # its constants are not finite: no bundle


def with_op(case: Case) -> Bundle:
    """Return the tiny bundle with an op in its generator, on the way to the image.

    Golden cases are of the right shapes; nobody expects them to replay.
    """
    bundle, program = tiny_bundle(4), case.program
    ((source, shape),) = program.inputs.items()
    size, output = int(np.prod(shape)), infer_shapes(program)[program.output]
    random = np.random.default_rng(0)
    nodes = [
        Node("Reshape", ("z",), source, {"shape": shape}),
        *program.nodes,
        Node("Flatten", (program.output,), "fuzz.flat"),
        Node("MatMul", ("fuzz.flat", "fuzz.w"), "fuzz.row"),
        Node("Reshape", ("fuzz.row",), "x", {"shape": bundle.manifest.geometry}),
    ]
    weight = random.standard_normal((int(np.prod(output)), 6)).astype(np.float32)
    tensors = {**program.tensors, "fuzz.w": FloatTensor(weight)}
    generator = Program("generator", {"z": (size,)}, "x", nodes, tensors)
    latents = random.standard_normal((3, size)).astype(np.float32)
    golden = replace(bundle.golden, latents=latents, gradients=latents)
    solver = replace(bundle.manifest.solver, sparsity=None)
    widths = {"bits": 32, "grid": None, "granularity": None}
    manifest = replace(bundle.manifest, latent=size, latents={}, solver=solver, **widths)
    return replace(bundle, manifest=manifest, generator=generator, golden=golden)


def calibrated(bundle: Bundle) -> Bundle:
    """Return a bundle with a range for every activation, so that the integer engine takes it."""
    absmax = {
        program.name: dict.fromkeys([*program.inputs, *(n.output for n in program.nodes)], 4.0)
        for program in (bundle.generator, bundle.sensing)
    }
    return replace(bundle, manifest=replace(bundle.manifest, calibration=Calibration(16, absmax)))
