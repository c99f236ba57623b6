"""Networks around one op, with calibrated ranges, for the integer engine."""

import math
from dataclasses import replace

import numpy as np

from bitprior_export.calibration import calibrate
from bitprior_runtime.bundle.manifest import Calibration
from bitprior_runtime.program import Node, Program
from bitprior_runtime.shapes import infer_shapes
from bitprior_runtime.tensors import FloatTensor


def around(program, measurements=5, seed=0):
    """Return the program as a generator, and a linear sensing network of what it draws."""
    generator = replace(program, name="generator")
    shape = infer_shapes(program)[program.output]
    rng = np.random.default_rng(seed)
    weight = rng.standard_normal((measurements, math.prod(shape))).astype(np.float32)
    bias = rng.standard_normal(measurements).astype(np.float32)
    nodes = [
        Node("Flatten", ("x",), "flat", {"axis": 1}),
        Node("Gemm", ("flat", "w", "b"), "y", {"transB": 1}),
    ]
    tensors = {"w": FloatTensor(weight), "b": FloatTensor(bias)}
    return generator, Program("sensing", {"x": shape}, "y", nodes, tensors)


def ranges(generator, sensing, latents, bits=16) -> Calibration:
    """Calibrate on latents alone."""
    (shape,) = sensing.inputs.values()
    images = np.zeros((1, *shape), dtype=np.float32)
    return calibrate(generator, sensing, images, latents, "max", bits)


def chain(shape, *ops, tensors=None):
    """Return a generator of ops (op, constants, attributes), each reading the one before."""
    nodes, last = [], "z"
    for place, (op, constants, attributes) in enumerate(ops):
        name = f"t{place}"
        nodes.append(Node(op, (last, *constants), name, attributes))
        last = name
    return Program("generator", {"z": shape}, last, nodes, tensors or {})
