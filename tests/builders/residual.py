"""A generator of upsampling residual blocks, as a program and as the same in torch."""

import numpy as np
import torch

from bitprior_runtime.program import Node, Program
from bitprior_runtime.tensors import FloatTensor

F = torch.nn.functional
LATENT, CHANNELS, BLOCKS, IMAGE = 7, 4, ("1", "2"), (3, 16, 16)
_DOUBLE = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
_SAME = {"pads": (1, 1, 1, 1)}


def weights(seed=0):
    """Return all weights by name, float32."""
    rng = np.random.default_rng(seed)
    shapes = {"dense": (LATENT, CHANNELS * 16), "last": (3, CHANNELS, 3, 3)}
    for block in BLOCKS:
        shapes |= {f"conv{block}{part}": (CHANNELS, CHANNELS, 3, 3) for part in "ab"}
        shapes[f"skip{block}"] = (CHANNELS, CHANNELS, 1, 1)
        shapes |= {f"slope{block}{part}": (CHANNELS, 1, 1) for part in "ab"}
        shapes |= {
            f"{name}{block}{part}": (CHANNELS,) for name in ("scale", "shift") for part in "ab"
        }
    return {
        name: (rng.standard_normal(shape) / np.sqrt(max(1, np.prod(shape[1:])))).astype(np.float32)
        for name, shape in shapes.items()
    }


def program():
    """Return z -> image."""
    nodes = [
        Node("MatMul", ("z", "dense"), "d"),
        Node("Reshape", ("d",), "h0", {"shape": (CHANNELS, 4, 4)}),
    ]
    for size, block in zip((8, 16), BLOCKS, strict=True):
        nodes += _block(f"h{int(block) - 1}", block, (size, size))
    nodes += [
        Node("Pad", ("h2",), "padded", {"pads": (0, 1, 1, 0, 1, 1), "mode": "reflect"}),
        Node("Conv", ("padded", "last"), "o"),
        Node("Sigmoid", ("o",), "x"),
    ]
    tensors = {name: FloatTensor(value) for name, value in weights().items()}
    return Program("generator", {"z": (LATENT,)}, "x", nodes, tensors)


def _block(source, block, sizes):
    a, b = f"{block}a", f"{block}b"
    return [
        Node("InstanceNormalization", (source, f"scale{a}", f"shift{a}"), f"n{a}"),
        Node("PRelu", (f"n{a}", f"slope{a}"), f"p{a}"),
        Node("Resize", (f"p{a}",), f"u{a}", {"sizes": sizes, **_DOUBLE}),
        Node("Conv", (f"u{a}", f"conv{a}"), f"c{a}", _SAME),
        Node("InstanceNormalization", (f"c{a}", f"scale{b}", f"shift{b}"), f"n{b}"),
        Node("PRelu", (f"n{b}", f"slope{b}"), f"p{b}"),
        Node("Conv", (f"p{b}", f"conv{b}"), f"c{b}", _SAME),
        Node("Resize", (source,), f"us{block}", {"sizes": sizes, **_DOUBLE}),
        Node("Conv", (f"us{block}", f"skip{block}"), f"s{block}"),
        Node("Add", (f"c{b}", f"s{block}"), f"h{block}"),
    ]


def reference(z):
    """Return the image of the same network in torch, in the precision of ``z``."""
    w = {name: torch.tensor(value, dtype=z.dtype) for name, value in weights().items()}

    def activated(x, part):
        normal = F.instance_norm(x, weight=w[f"scale{part}"], bias=w[f"shift{part}"])
        return F.prelu(normal, w[f"slope{part}"].flatten())

    h = (z @ w["dense"]).reshape(-1, CHANNELS, 4, 4)
    for block in BLOCKS:
        a, b = f"{block}a", f"{block}b"
        raised = F.interpolate(activated(h, a), scale_factor=2)
        inner = activated(F.conv2d(raised, w[f"conv{a}"], padding=1), b)
        skip = F.conv2d(F.interpolate(h, scale_factor=2), w[f"skip{block}"])
        h = F.conv2d(inner, w[f"conv{b}"], padding=1) + skip
    return torch.sigmoid(F.conv2d(F.pad(h, (1, 1, 1, 1), mode="reflect"), w["last"]))
