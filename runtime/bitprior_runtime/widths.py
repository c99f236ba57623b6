"""How many bits the weights of a prior have: the usual width, the others, and on average."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bitprior_runtime.bundle import Bundle
from bitprior_runtime.program import Program
from bitprior_runtime.tensors import Tensor

# Ops whose second input is a weight.
_LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul")


@dataclass(frozen=True)
class Widths:
    """Bit widths of the weights.

    Attributes:
        usual: The narrowest that a quarter of the generator's quantised weights have; 32 if it has
            none.
        others: Of the generator's weights that have another width, by name.
        mean: Bits a weight, over all weights of the generator and of a learned search; scales and
            biases are not counted.
    """

    usual: int
    others: Mapping[str, int]
    mean: float

    @property
    def text(self) -> str:
        """One phrase, e.g. ``"1-bit, D 8-bit, mean 1.2"``, or ``"4-bit"`` if all are so."""
        if not self.others and math.isclose(self.mean, self.usual):
            return f"{self.usual}-bit"
        by_width: dict[int, list[str]] = {}
        for name, bits in self.others.items():
            by_width.setdefault(bits, []).append(name)
        others = [f"{' and '.join(names)} {bits}-bit" for bits, names in by_width.items()]
        return ", ".join([f"{self.usual}-bit", *others, f"mean {self.mean:.1f}"])


def widths_of(bundle: Bundle) -> Widths:
    """Return the widths of a bundle's weights; those of its sensing network are not among them."""
    weights = [
        (which, name, tensor)
        for which, program in bundle.stored_programs.items()
        if which != "sensing"
        for name, tensor in _weights(program)
    ]
    count = sum(math.prod(tensor.shape) for *_, tensor in weights)
    bits = sum(tensor.bits * math.prod(tensor.shape) for *_, tensor in weights)
    usual = bundle.manifest.bits
    others = {
        name.removesuffix(".weight"): tensor.bits
        for which, name, tensor in weights
        if which == "generator" and tensor.bits != usual
    }
    return Widths(usual, others, bits / count if count else float(usual))


def _weights(program: Program) -> Iterator[tuple[str, Tensor]]:
    """Yield each weight of a program once, by name."""
    names = [node.inputs[1] for node in program.nodes if node.op in _LAYERS]
    for name in dict.fromkeys(names):
        if name in program.tensors:
            yield name, program.tensors[name]
