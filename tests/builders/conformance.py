"""What every engine has to give, and whole systems to try it on.

The float engine on numpy, in float64, is the definition. Engines in float32 must give its values
to rounding; the low-precision engine must point where it points.
"""

from dataclasses import replace
from functools import cache

import numpy as np

from bitprior_export.calibration import calibrate
from bitprior_export.cuts import cut
from bitprior_runtime.bundle.manifest import NO_MEASUREMENT
from bitprior_runtime.engines import DifferentiableEngine, FloatEngine
from bitprior_runtime.shapes import infer_shapes
from builders import surgery
from builders.bundles import tiny_bundle
from builders.photo import photo_bundle
from builders.wrapped import bundle_of, linear_sensing, scaled_weights

ACTIVATION_BITS = 16
FLOAT_TOLERANCE = 3e-5
GRADIENT_TOLERANCE = 1e-4  # as golden cases: a gradient goes through every layer twice
# With 16-bit activations: of an image's size, and of a gradient's direction (1 - cosine), which a
# Relu near its kink turns by a whole term.
INTEGER_IMAGE, INTEGER_DIRECTION = 5e-3, 2e-2


def calibrated(bundle):
    """Return the bundle with ranges for the integer engine."""
    golden = bundle.golden
    found = calibrate(
        bundle.generator,
        bundle.sensing,
        golden.images,
        golden.latents,
        "max",
        activation_bits=ACTIVATION_BITS,
        measures=bundle.manifest.measurement.kind != NO_MEASUREMENT,
    )
    return replace(bundle, manifest=replace(bundle.manifest, calibration=found))


def rms(values):
    """Return the root of the mean square."""
    return np.sqrt(np.square(values).mean())


def assert_conforms(engine, bundle, batch):
    """Compare an engine with the float engine in float64."""
    exact = FloatEngine(bundle.generator, bundle.sensing, np.float64)
    rows = np.arange(batch) % len(bundle.golden.latents)
    z, y = bundle.golden.latents[rows], bundle.golden.measurements[rows]
    image, loss, gradient = exact.generate(z), *exact.value_and_grad(z, y)
    found_loss, found = engine.value_and_grad(z, y)
    drawn = engine.generate(z)
    assert {drawn.dtype, found.dtype, found_loss.dtype} == {np.dtype(np.float32)}
    assert (drawn.shape, found.shape, found_loss.shape) == (image.shape, z.shape, (batch,))
    sensed = exact.sense(image)
    if engine.name == "integer":
        assert rms(drawn - image) <= INTEGER_IMAGE * rms(image)
        assert np.abs(engine.sense(image) - sensed).max() <= 0.01 * np.abs(sensed).max()
        lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(gradient, axis=1)
        assert (1 - np.einsum("bk,bk->b", found, gradient) / lengths).max() <= INTEGER_DIRECTION
        np.testing.assert_array_equal(engine.loss(z, y), found_loss)
        assert_jacobian_points(engine, exact, z, y)
        return
    assert np.abs(drawn - image).max() <= FLOAT_TOLERANCE
    assert np.abs(engine.sense(image) - sensed).max() <= FLOAT_TOLERANCE * np.abs(sensed).max()
    assert np.abs(found - gradient).max() <= GRADIENT_TOLERANCE * np.abs(gradient).max()
    # The residual is a difference of measurements: it carries their rounding.
    assert np.abs(found_loss - loss).max() <= FLOAT_TOLERANCE * (sensed**2).sum(1).max()
    np.testing.assert_allclose(engine.loss(z, y), found_loss, rtol=1e-5, atol=1e-9)
    if engine.name == "float":
        assert_jacobian_conforms(engine, exact, z, y)


def assert_jacobian_conforms(engine, exact, z, cotangent):
    """Compare J^T c, at a latent each and at one latent for all."""
    assert isinstance(engine, DifferentiableEngine)
    for latents in (z, z[:1]):
        found, expected = (one.vjp(latents, cotangent) for one in (engine, exact))
        assert found.dtype == np.float32
        assert found.shape == (len(cotangent), z.shape[1])
        assert np.abs(found - expected).max() <= GRADIENT_TOLERANCE * np.abs(expected).max()


def assert_jacobian_points(engine, exact, z, cotangent):
    """Compare direction and size of J^T c, at a latent each and at one latent for all."""
    for latents in (z, z[:1]):
        found, expected = (one.vjp(latents, cotangent) for one in (engine, exact))
        assert found.dtype == np.float32
        lengths = [np.linalg.norm(rows, axis=1) for rows in (found, expected)]
        cosine = np.einsum("bk,bk->b", found, expected) / (lengths[0] * lengths[1])
        assert (1 - cosine).max() <= INTEGER_DIRECTION
        np.testing.assert_allclose(*lengths, rtol=5e-2)


def output_named_x(program):
    """Return the program with the output name a bundle asks for."""
    *nodes, last = program.nodes
    return replace(program, output="x", nodes=(*nodes, replace(last, output="x")))


@cache
def system(name, bits):
    """Return a whole system at a bit width; cut generators have two parts in their latent."""
    if name == "mlp":
        return calibrated(tiny_bundle(bits=bits))
    if name == "photo":
        return photo_bundle(bits=bits, linear_bits=max(bits, 8))
    if name == "cut began":
        narrow = surgery.began(scaled_weights(bits, gain=0.9), width=2, latent=8)
        generator = cut(output_named_x(narrow), 2).program
    else:
        generator = surgery.dcgan(scaled_weights(bits), width=2, latent=8)
        generator = cut(generator, 1).program if name == "cut dcgan" else generator
    geometry = infer_shapes(generator)[generator.output]
    return calibrated(bundle_of(generator, linear_sensing(geometry), step_size=1e-6))
