"""What a case of an op is, and the inputs to try it on."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from bitprior_runtime.program import Attribute, Node, Program, Shape
from bitprior_runtime.tensors import FloatTensor

try:
    import torch

    F = torch.nn.functional
except ModuleNotFoundError:  # on an emulated board: the cases are run there, not compared
    torch = F = None

KINDS = ("random", "zero", "large", "non-contiguous")
RNG = np.random.default_rng(0)


class Case(NamedTuple):
    """An op beside the same in torch.

    ``before`` are nodes that write what it reads besides the input; ``reads`` are its inputs in
    order, the input and all constants if left out. ``domain``: ``positive`` values only;
    ``small`` ones, whose largest are a hundred times smaller; or ``real``, any.
    """

    op: str
    shape: Shape
    attributes: Mapping[str, Attribute]
    constants: Mapping[str, np.ndarray]
    reference: Callable[[Any], Any]
    reads: tuple[str, ...] | None = None
    before: tuple[Node, ...] = ()
    domain: str = "real"

    @property
    def program(self):
        """The program of the op and what is before it."""
        tensors = {name: FloatTensor(value) for name, value in self.constants.items()}
        reads = ("in", *self.constants) if self.reads is None else self.reads
        node = Node(self.op, reads, "out", self.attributes)
        return Program("one op", {"in": self.shape}, "out", [*self.before, node], tensors)

    def inputs(self, kind):
        """Return a batch of three."""
        x = np.random.default_rng(1).standard_normal((3, *self.shape)).astype(np.float32)
        if self.domain == "positive":
            x = np.abs(x) + np.float32(0.5)
        if kind == "zero":
            return np.zeros_like(x)
        if kind == "large":
            return x * np.float32(10 if self.domain == "small" else 1e3)
        if kind == "non-contiguous":
            return np.repeat(x, 2, axis=0)[::2][::-1]
        return x


def weights(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def name_of(case):
    """Return what pytest calls a case."""
    return f"{case.op}{case.shape}{case.attributes}"


def runs(cases):
    """Return every case with every kind of input on which it is defined."""
    return [
        (case, kind)
        for case in cases
        for kind in KINDS
        if not (kind == "zero" and case.domain == "positive")
    ]


def assert_close(found, expected):
    """To 1e-5 of the largest value: a sum's rounding error goes with its largest terms."""
    assert found.dtype == np.float32
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
