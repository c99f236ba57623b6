"""A program in torch: what a user of torch would run, with the weights as plain float32."""

import torch
from torch.nn import functional

from bitprior_runtime.shapes import complete_attributes


class TorchProgram(torch.nn.Module):
    """The nodes of a program as torch calls."""

    def __init__(self, program):
        super().__init__()
        self.program = program
        (self.source,) = program.inputs
        self.steps = [(node, complete_attributes(node)) for node in program.nodes]
        self.constants = {
            name: torch.from_numpy(tensor.values().copy())
            for name, tensor in program.tensors.items()
        }

    def forward(self, value):
        """Return the output for a batch."""
        values = {**self.constants, self.source: value}
        for node, attributes in self.steps:
            inputs = [values[name] for name in node.inputs]
            values[node.output] = OPS[node.op](inputs, attributes)
        return values[self.program.output]


def _gemm(inputs, attributes):
    weight = inputs[1] if attributes["transB"] else inputs[1].T
    return functional.linear(inputs[0], weight, *inputs[2:])


def _conv(inputs, attributes):
    bias = inputs[2] if len(inputs) == 3 else None
    strides, pads = attributes["strides"], attributes["pads"][:2]
    return functional.conv2d(inputs[0], inputs[1], bias, strides, pads)


def _conv_transpose(inputs, attributes):
    bias = inputs[2] if len(inputs) == 3 else None
    strides, pads = attributes["strides"], attributes["pads"][:2]
    return functional.conv_transpose2d(inputs[0], inputs[1], bias, strides, pads)


def _slice(value, attributes):
    index = [slice(None)] * value.ndim
    names = ("axes", "starts", "ends", "steps")
    for axis, start, end, step in zip(*(attributes[name] for name in names), strict=True):
        index[axis] = slice(start, end, step)
    return value[tuple(index)]


def _resize(value, attributes):
    if attributes["mode"] != "nearest":
        raise NotImplementedError(attributes["mode"])
    return functional.interpolate(value, size=tuple(attributes["sizes"]), mode="nearest")


OPS = {
    "Gemm": _gemm,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Relu": lambda inputs, attributes: functional.relu(inputs[0]),
    "LeakyRelu": lambda inputs, a: functional.leaky_relu(inputs[0], a["alpha"]),
    "Sigmoid": lambda inputs, attributes: torch.sigmoid(inputs[0]),
    "Tanh": lambda inputs, attributes: torch.tanh(inputs[0]),
    "Flatten": lambda inputs, attributes: inputs[0].flatten(1),
    "Reshape": lambda inputs, a: inputs[0].reshape(-1, *a["shape"]),
    "Mul": lambda inputs, attributes: inputs[0] * inputs[1],
    "Add": lambda inputs, attributes: inputs[0] + inputs[1],
    "Elu": lambda inputs, a: functional.elu(inputs[0], a["alpha"]),
    "Concat": lambda inputs, a: torch.cat(inputs, a["axis"]),
    "Slice": lambda inputs, a: _slice(inputs[0], a),
    "Resize": lambda inputs, a: _resize(inputs[0], a),
    "Sub": lambda inputs, attributes: inputs[0] - inputs[1],
}


class TorchEngine:
    """A bundle's networks under autograd, as an engine that bitprior's solvers can run on."""

    name, kernel = "torch", "autograd"

    def __init__(self, bundle):
        self.generator = TorchProgram(bundle.generator)
        self.sensing = TorchProgram(bundle.sensing)

    def losses(self, z, y):
        """Return f(z) of tensors, [B]."""
        return (self.sensing(self.generator(z)) - y).square().sum(1)

    def generate(self, z):
        """Return G(z)."""
        with torch.no_grad():
            return self.generator(torch.from_numpy(z)).numpy()

    def loss(self, z, y):
        """Return f(z)."""
        with torch.no_grad():
            return self.losses(torch.from_numpy(z), torch.from_numpy(y)).numpy()

    def value_and_grad(self, z, y):
        """Return f(z) and its gradient."""
        latent = torch.from_numpy(z).requires_grad_()
        loss = self.losses(latent, torch.from_numpy(y))
        (gradient,) = torch.autograd.grad(loss.sum(), latent)
        return loss.detach().numpy(), gradient.numpy()


def torch_gradient(bundle, compiled=False):
    """Return (z, y) -> (loss, gradient) by autograd, eager or compiled."""
    engine = TorchEngine(bundle)
    if compiled:
        engine.losses = torch.compile(engine.losses)
    return engine.value_and_grad
