"""The three generators of Generator Surgery as programs, at full size or narrow."""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise

import numpy as np

from bitprior_runtime.program import Attribute, Node, Program, Shape
from bitprior_runtime.tensors import FloatTensor, QuantisedTensor, Tensor
from builders.bundles import floats, weight

MakeWeight = Callable[[Shape, int], Tensor]


def random_weights(bits: int, seed: int = 0) -> MakeWeight:
    """Return a maker of random weights of a bit width, with scales per channel."""
    rng = np.random.default_rng(seed)
    grid = "binary" if bits == 1 else "wide"
    return lambda shape, axis: weight(rng, shape, bits, grid, axis)


def no_weights(shape: Shape, axis: int) -> Tensor:
    """Return a weight of any size that takes no memory: for shapes only."""
    codes = np.broadcast_to(np.zeros((), np.uint8), shape)
    return QuantisedTensor(codes, 1, "binary", np.ones((), np.float32))


class Layers:
    """A program in the making, one layer behind the other."""

    def __init__(self, latent: int, make: MakeWeight) -> None:
        self.make = make
        self.latent = latent
        self.rng = np.random.default_rng(1)
        self.nodes: list[Node] = []
        self.tensors: dict[str, Tensor] = {}
        self.last = "z"

    def add(self, op: str, name: str, *others: str, **attributes: Attribute) -> str:
        self.nodes.append(Node(op, (self.last, *others), name, attributes))
        self.last = name
        return name

    def constant(self, name: str, value: float) -> str:
        self.tensors[name] = FloatTensor(np.full((), value, np.float32))
        return name

    def layer(
        self, op: str, name: str, shape: Shape, axis: int, bias: int = 0, **attributes: Attribute
    ) -> None:
        self.tensors[f"{name}.weight"] = self.make(shape, axis)
        others = [f"{name}.weight"]
        if bias:
            self.tensors[f"{name}.bias"] = floats(self.rng, (bias,))
            others.append(f"{name}.bias")
        self.add(op, name, *others, **attributes)

    def linear(self, name: str, fan_in: int, shape: Shape, bias: bool) -> None:
        size = int(np.prod(shape))
        self.layer("Gemm", f"{name}.fc", (size, fan_in), 0, bias * size, transB=1)
        self.add("Reshape", name, shape=shape)

    def conv(self, name: str, fan_in: int, fan_out: int, bias: bool = False) -> None:
        self.layer("Conv", name, (fan_out, fan_in, 3, 3), 0, bias * fan_out, pads=(1, 1, 1, 1))

    def up(self, name: str, size: int) -> str:
        return self.add("Resize", name, sizes=(size, size), mode="nearest")

    def program(self) -> Program:
        """Return the program; the last tensor is its output."""
        return Program(
            "generator", {"z": (self.latent,)}, self.last, tuple(self.nodes), self.tensors
        )


def dcgan(make: MakeWeight, width: int = 64, latent: int = 100) -> Program:
    """DCGAN, 64 x 64; batch norms folded into biases."""
    grow = Layers(latent, make)
    grow.add("Reshape", "z.map", shape=(latent, 1, 1))
    channels = [latent, 8 * width, 4 * width, 2 * width, width, 3]
    for index, (fan_in, fan_out) in enumerate(pairwise(channels)):
        geometry = {"strides": (2, 2), "pads": (1, 1, 1, 1)} if index else {}
        shape = (fan_in, fan_out, 4, 4)
        grow.layer("ConvTranspose", f"deconv{index}", shape, 1, fan_out, **geometry)
        grow.add("Tanh" if index == 4 else "Relu", f"act{index}")
    half = grow.constant("half", 0.5)
    grow.add("Mul", "scaled", half)
    grow.add("Add", "x", half)
    return grow.program()


def vae(make: MakeWeight, width: int = 128, latent: int = 512) -> Program:
    """The VAE decoder, 128 x 128."""
    grow = Layers(latent, make)
    channels = [16 * width, 8 * width, 4 * width, 2 * width, width, width]
    grow.linear("map", latent, (channels[0], 4, 4), bias=True)
    for index, (fan_in, fan_out) in enumerate(pairwise(channels)):
        grow.up(f"up{index + 1}", 8 * 2**index)
        grow.conv(f"conv{index + 1}", fan_in, fan_out, bias=True)
        grow.add("LeakyRelu", f"act{index + 1}", alpha=0.01)
    grow.conv("conv6", width, 3, bias=True)
    grow.add("Sigmoid", "x")
    return grow.program()


def began(make: MakeWeight, width: int = 128, latent: int = 64) -> Program:
    """BEGAN's generator, 128 x 128: the first map joins again before every later up-sampling."""
    grow = Layers(latent, make)
    grow.linear("h0", latent, (width, 8, 8), bias=False)
    layer = 1
    for stage, size in enumerate((16, 32, 64, 128)):
        if stage:
            features = grow.last
            grow.last = "h0"
            skip = grow.up(f"skip{stage}", size // 2)
            grow.last = features
            grow.add("Concat", f"joined{stage}", skip, axis=1)
        grow.up(f"up{layer}", size)
        for index in (0, 1):
            _conv_elu(
                grow, f"{layer + 1 + index}", width * (1 if stage == 0 or index else 2), width
            )
        layer += 3
    _conv_elu(grow, "13", width, 3)
    return grow.program()


def _conv_elu(grow: Layers, name: str, fan_in: int, fan_out: int) -> None:
    grow.conv(f"conv{name}", fan_in, fan_out)
    grow.add("Elu", f"elu{name}", alpha=1.0)


NETWORKS: Mapping[str, Callable[[MakeWeight], Program]] = {
    "dcgan": partial(dcgan, width=2, latent=6),
    "vae": partial(vae, width=1, latent=5),
    "began": partial(began, width=3, latent=4),
}
