"""Recovery problems whose answers are known, and a small float prior."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.program import Node, Program
from bitprior_runtime.tensors import FloatTensor

Array = NDArray[Any]


def linear_engine(matrix: Any, dtype: type[np.floating[Any]] = np.float32) -> FloatEngine:
    """f(z) = ||y - z M||^2: its answer is known."""
    size = len(matrix)
    generator = Program("generator", {"z": (size,)}, "x", [Node("Identity", ("z",), "x")], {})
    sensing = Program(
        "sensing", {"x": (size,)}, "y", [Node("MatMul", ("x", "M"), "y")],
        {"M": FloatTensor(np.asarray(matrix, np.float32))},
    )  # fmt: skip
    return FloatEngine(generator, sensing, dtype)


def orthonormal(k: int, seed: int = 0) -> Array:
    """Return a random orthonormal matrix [k,k]."""
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((k, k)))[0]


def well_conditioned(k: int, seed: int = 0) -> Array:
    """Return a matrix [k,k] with singular values from 1 to 2."""
    return orthonormal(k, seed) * np.linspace(1, 2, k)


def perceptrons(
    sizes: Sequence[int] = (20, 40, 40, 64),
    sensing: Sequence[int] = (64, 40, 20),
    seed: int = 0,
) -> dict[str, list[tuple[Array, Array]]]:
    """Return weights and biases, float32, of a generator and a sensing network like MNIST's."""
    rng = np.random.default_rng(seed)
    return {
        name: [
            (
                rng.standard_normal((fan_out, fan_in), np.float32) / np.float32(fan_in**0.5),
                rng.standard_normal(fan_out, np.float32) / 10,
            )
            for fan_in, fan_out in itertools.pairwise(widths)
        ]
        for name, widths in (("generator", sizes), ("sensing", sensing))
    }


def perceptron_engine(
    layers: dict[str, list[tuple[Array, Array]]], dtype: type[np.floating[Any]] = np.float32
) -> FloatEngine:
    """Return the engine of :func:`perceptrons`: LeakyReLU between layers, tanh behind G."""
    return FloatEngine(
        _program("generator", "z", "x", layers["generator"], "Tanh"),
        _program("sensing", "x", "y", layers["sensing"], "Identity"),
        dtype,
    )


def _program(
    name: str, source: str, target: str, layers: list[tuple[Array, Array]], last: str
) -> Program:
    nodes, tensors, value = [], {}, source
    for index, (weight, bias) in enumerate(layers):
        tensors |= {f"w{index}": FloatTensor(weight), f"b{index}": FloatTensor(bias)}
        nodes.append(Node("Gemm", (value, f"w{index}", f"b{index}"), f"g{index}", {"transB": 1}))
        value = f"g{index}"
        if index < len(layers) - 1:
            nodes.append(Node("LeakyRelu", (value,), f"h{index}", {"alpha": 0.2}))
            value = f"h{index}"
    nodes.append(Node(last, (value,), target))
    return Program(name, {source: (layers[0][0].shape[1],)}, target, nodes, tensors)


class Rosenbrock:
    """f(z) = ||r||^2, r = (10 (z1 - z0^2), 1 - z0) - y: a bent valley down to (1, 1)."""

    name = "rosenbrock"
    kernel = "numpy"

    def generate(self, z: Array) -> Array:
        """Return z itself."""
        return z

    def sense(self, x: Array) -> Array:
        """Return the residuals [B,2]."""
        return np.stack([10 * (x[:, 1] - x[:, 0] ** 2), 1 - x[:, 0]], axis=1)

    def loss(self, z: Array, y: Array) -> Array:
        """Return f(z), [B]."""
        return ((self.sense(z) - y) ** 2).sum(axis=1)

    def value_and_grad(self, z: Array, y: Array) -> tuple[Array, Array]:
        """Return f(z) and its gradient."""
        return self.loss(z, y), self.vjp(z, 2 * (self.sense(z) - y))

    def vjp(self, z: Array, cotangent: Array) -> Array:
        """Return J^T c."""
        first = -20 * z[:, 0] * cotangent[:, 0] - cotangent[:, 1]
        return np.stack([first, 10 * cotangent[:, 0]], axis=1)


ROSENBROCK_START = np.array([[-1.2, 1.0]])
ROSENBROCK_MINIMUM = np.array([[1.0, 1.0]])
