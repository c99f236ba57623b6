"""A convolutional sensing network as a program."""

import numpy as np

from bitprior_runtime.program import Node, Program, Shape
from bitprior_runtime.tensors import Tensor
from builders.bundles import floats


def conv_sensing(geometry: Shape, measurements: int = 7, filters: int = 4) -> Program:
    """Three convolutions of stride 2 with leaky ReLUs and a linear layer: x [C,H,W] -> y [m]."""
    rng = np.random.default_rng(5)
    channels, height, width = geometry
    nodes, tensors, last = [], dict[str, Tensor](), "x"
    for index in range(3):
        tensors[f"conv{index}.weight"] = floats(rng, (filters, channels, 3, 3))
        tensors[f"conv{index}.bias"] = floats(rng, (filters,))
        names = (last, f"conv{index}.weight", f"conv{index}.bias")
        geometry_of_layer = {"strides": (2, 2), "pads": (1, 1, 1, 1)}
        nodes.append(Node("Conv", names, f"conv{index}", geometry_of_layer))
        nodes.append(Node("LeakyRelu", (f"conv{index}",), f"act{index}", {"alpha": 0.1}))
        last, channels = f"act{index}", filters
    size = filters * (height // 8) * (width // 8)
    tensors["fc.weight"] = floats(rng, (measurements, size))
    nodes.append(Node("Flatten", (last,), "flat", {"axis": 1}))
    nodes.append(Node("Gemm", ("flat", "fc.weight"), "y", {"transB": 1}))
    return Program("sensing", {"x": geometry}, "y", tuple(nodes), tensors)
