"""A small photo prior with a learned search: random weights, of the widths asked for.

Latent maps [C, 4, 4] at half the resolution of images [1, 8, 8]:

    G(z) = DepthToSpace(D z + G2 relu(G1 z + b), 2) + mean
    z0 = S u + E2 relu(E1 u + b);  penalty: K1 z
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bitprior_export.calibration import calibrate, calibrate_search
from bitprior_export.manifest import usual_weights
from bitprior_runtime.bundle import Bundle, Frames, LearnedSearch, Measurement, Schedule
from bitprior_runtime.bundle.identity import identity_sensing
from bitprior_runtime.program import Node, Program
from bitprior_runtime.sensing.covariance import Covariance
from bitprior_runtime.tensors import FloatTensor, QuantisedTensor, Tensor
from builders.bundles import weight
from builders.wrapped import bundle_of

GEOMETRY, STRIDE, MEAN, LAGS, FEATURES = (1, 8, 8), 2, 0.45, 6, 3
MAPS = (GEOMETRY[1] // STRIDE, GEOMETRY[2] // STRIDE)


def photo_bundle(
    bits: int = 4,
    channels: int = 6,
    steps: int = 2,
    edge_bits: int | None = None,
    linear_bits: int | None = None,
    seed: int = 0,
) -> Bundle:
    """Return a whole photo bundle, calibrated for 16-bit activations.

    Args:
        bits: Of the convolutions between channels; 32 for float weights.
        channels: C.
        steps: T of the search.
        edge_bits: Of the convolutions to and from pixels; None: as ``bits``.
        linear_bits: Of D and S; None: as ``bits``.
        seed: Of all values.
    """
    rng = np.random.default_rng(seed)
    widths = (bits, bits if edge_bits is None else edge_bits)
    make = _maker(rng, *widths, bits if linear_bits is None else linear_bits)
    generator = _generator(rng, channels, make)
    search = LearnedSearch(
        _start(rng, channels, make),
        _penalty(channels, make),
        _schedule(rng, steps, channels),
        _covariance(),
    )
    whole = bundle_of(generator, identity_sensing(GEOMETRY), step_size=0.05, seed=seed)
    usual, grid, granularity = usual_weights(generator)
    manifest = replace(
        whole.manifest,
        name="photo",
        latents={"z": (channels, *MAPS)},
        measurement=Measurement("none", 64),
        bits=usual,
        grid=grid,
        granularity=granularity,
        solver=replace(whole.manifest.solver, name="learned", steps=steps),
        frames=Frames(STRIDE),
    )
    whole = replace(whole, manifest=manifest, search=search)
    return calibrated_photo(whole, rng)


def calibrated_photo(bundle: Bundle, rng: np.random.Generator) -> Bundle:
    """Return the bundle with ranges of all its programs."""
    assert bundle.search is not None
    golden = bundle.golden
    u = rng.uniform(-0.5, 0.5, (8, 2 * 64)).astype(np.float32)
    found = calibrate(
        bundle.generator, bundle.sensing, golden.images, golden.latents, "max", 16, measures=False
    )
    further = calibrate_search(bundle.search, u, golden.latents, "max", activation_bits=16)
    found = replace(found, absmax={**found.absmax, **further})
    return replace(bundle, manifest=replace(bundle.manifest, calibration=found))


def _maker(rng: np.random.Generator, *widths: int):  # type: ignore[no-untyped-def]
    """Return what makes the weight of a convolution that keeps the size of its input."""

    def make(which: int, *shape: int) -> Tensor:
        bits = widths[which]
        made = weight(rng, shape, bits, "binary" if bits == 1 else "wide", 0)
        values = made.array if isinstance(made, FloatTensor) else made.integers()
        unit = 1 / np.sqrt(np.square(values, dtype=np.float64).mean() * np.prod(shape[1:]))
        if isinstance(made, QuantisedTensor):
            scale = unit * rng.uniform(0.8, 1.2, shape[0])
            return replace(made, scale=scale.astype(np.float32))
        return FloatTensor((values * unit).astype(np.float32))

    return make


_INNER, _EDGE, _LINEAR = 0, 1, 2
_AROUND: Mapping[str, tuple[int, ...]] = {"pads": (1, 1, 1, 1)}


def _generator(rng: np.random.Generator, channels: int, make) -> Program:  # type: ignore[no-untyped-def]
    tensors: dict[str, Tensor] = {
        "D": make(_LINEAR, 4, channels, 1, 1),
        "G1": make(_INNER, channels, channels, 3, 3),
        "G2": make(_EDGE, 4, channels, 3, 3),
        "mean": FloatTensor(np.full(4, MEAN, np.float32)),
        "G1.bias": FloatTensor(rng.uniform(-0.3, 0.3, channels).astype(np.float32)),
    }
    nodes = (
        Node("Reshape", ("z",), "maps", {"shape": (channels, *MAPS)}),
        Node("Conv", ("maps", "D", "mean"), "linear"),
        Node("Conv", ("maps", "G1", "G1.bias"), "hidden", _AROUND),
        Node("Relu", ("hidden",), "above"),
        Node("Conv", ("above", "G2"), "residual", _AROUND),
        Node("Add", ("linear", "residual"), "pixels"),
        Node("DepthToSpace", ("pixels",), "x", {"blocksize": STRIDE, "mode": "CRD"}),
    )
    return Program("generator", {"z": (channels * MAPS[0] * MAPS[1],)}, "x", nodes, tensors)


def _start(rng: np.random.Generator, channels: int, make) -> Program:  # type: ignore[no-untyped-def]
    tensors: dict[str, Tensor] = {
        "S": make(_LINEAR, channels, 2, 2, 2),
        "E1": make(_EDGE, channels, 2, 6, 6),
        "E2": make(_INNER, channels, channels, 3, 3),
        "E1.bias": FloatTensor(rng.uniform(-0.3, 0.3, channels).astype(np.float32)),
    }
    strides = {"strides": (STRIDE, STRIDE)}
    nodes = (
        Node("Reshape", ("u",), "estimate", {"shape": (2, *GEOMETRY[1:])}),
        Node("Conv", ("estimate", "S"), "skip", strides),
        Node("Conv", ("estimate", "E1", "E1.bias"), "first", {"pads": (2, 2, 2, 2), **strides}),
        Node("Relu", ("first",), "above"),
        Node("Conv", ("above", "E2"), "second", _AROUND),
        Node("Add", ("skip", "second"), "z"),
    )
    return Program("start", {"u": (2 * 64,)}, "z", nodes, tensors)


def _penalty(channels: int, make) -> Program:  # type: ignore[no-untyped-def]
    nodes = (
        Node("Reshape", ("z",), "maps", {"shape": (channels, *MAPS)}),
        Node("Conv", ("maps", "K1"), "features", _AROUND),
    )
    size = channels * MAPS[0] * MAPS[1]
    tensors = {"K1": make(_INNER, channels, channels, 3, 3)}
    return Program("penalty", {"z": (size,)}, "features", nodes, tensors)


def _schedule(rng: np.random.Generator, steps: int, channels: int) -> Schedule:
    def values(*shape: int) -> NDArray[np.float32]:
        return rng.uniform(0.1, 0.5, shape).astype(np.float32)

    return Schedule(
        step_size=values(steps, channels),
        momentum=values(steps),
        adjoint=values(steps, FEATURES),
        estimate=values(steps, FEATURES),
        shrinkage=values(steps, channels),
        strength=values(steps, FEATURES),
        slope=values(steps, channels, FEATURES),
        threshold=values(steps, channels, FEATURES),
        correction=values(FEATURES),
    )


def _covariance() -> Covariance:
    lags = np.hypot(*np.indices((LAGS, LAGS)))
    return Covariance(MEAN, (0.05 * np.exp(-lags / 4)).astype(np.float32))
