"""A bundle of the size of the MNIST priors with random weights: it costs a board the same."""

from dataclasses import replace

import numpy as np

from bitprior_runtime.program import Node
from builders.conformance import calibrated
from builders.random_networks import perceptron
from builders.wrapped import bundle_of

GEOMETRY, LATENT, MEASUREMENTS = (1, 28, 28), 100, 100


def mnist_sized(bits=4, seed=0, steps=50):
    """Return G 100-500-500-784 at ``bits`` bits and A 784-500-500-100 in float32."""
    rng = np.random.default_rng(seed)
    flat = perceptron(rng, "generator", "z", "flat", (LATENT, 500, 500, 784), bits)
    image = Node("Reshape", ("flat",), "x", {"shape": GEOMETRY})
    generator = replace(flat, nodes=(*flat.nodes, image), output="x")
    sensing = perceptron(rng, "sensing", "s", "y", (784, 500, 500, MEASUREMENTS), 32)
    flatten = Node("Flatten", ("x",), "s")
    sensing = replace(sensing, inputs={"x": GEOMETRY}, nodes=(flatten, *sensing.nodes))
    bundle = calibrated(bundle_of(generator, sensing, step_size=0.5))
    solver = replace(bundle.manifest.solver, steps=steps)
    return replace(bundle, manifest=replace(bundle.manifest, solver=solver, name="mnist-sized"))
