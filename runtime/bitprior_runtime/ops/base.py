"""What an op is: shape rule, forward and vector-Jacobian product, in numpy."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from numpy.typing import NDArray

from bitprior_runtime.errors import ProgramError
from bitprior_runtime.program import Attribute, Shape

Array: TypeAlias = NDArray[Any]
Attributes: TypeAlias = Mapping[str, Attribute]


@dataclass(frozen=True)
class Operand:
    """What the shape rule knows of an input.

    Attributes:
        shape: Without the batch axis for an activation; the full shape for a constant.
        constant: True for weights, biases and constants of the program.
    """

    shape: Shape
    constant: bool


InferRule: TypeAlias = Callable[[Sequence[Operand], Attributes], Shape]
ForwardRule: TypeAlias = Callable[[Sequence[Array], Attributes], Array]
# (cotangent of the output, inputs, output, attributes, index of the input) -> its cotangent
VjpRule: TypeAlias = Callable[[Array, Sequence[Array], Array, Attributes, int], Array]


@dataclass(frozen=True)
class Op:
    """One ONNX op: its numpy kernels and its checks.

    Attributes:
        infer: Output shape without the batch axis; raises ProgramError if the inputs do not fit.
        forward: Output from inputs; activations have a leading batch axis.
        vjp: Cotangent of one *activation* input; never asked for constants.
        attributes: Attribute names it knows with their defaults; the default's type is checked.
    """

    infer: InferRule
    forward: ForwardRule
    vjp: VjpRule
    attributes: Mapping[str, Attribute]


# The longest side of an image, padding included: far below what any size computed from it could
# overflow, far above any image.
MAX_SIDE = 2**16


def check_windows(op: str, sides: Shape, strides: Shape, dilations: Shape) -> None:
    """Check that windows over padded sides are what those sides can mean.

    Args:
        op: The op.
        sides: Padded height and width.
        strides: Steps between the windows.
        dilations: Steps between the taps of a window.

    Raises:
        ProgramError: A side over MAX_SIDE, or a step longer than its side.
    """
    if max(sides) > MAX_SIDE:
        raise refuse(f"{op} with padded sides of at most {MAX_SIDE}", f"{sides}")
    for name, steps in (("strides", strides), ("dilations", dilations)):
        if any(step > max(side, 1) for step, side in zip(steps, sides, strict=True)):
            raise refuse(f"{op} with {name} within the padded sides {sides}", f"{steps}")


def refuse(expected: str, found: str) -> ProgramError:
    """Make the error of a node whose inputs or attributes do not fit."""
    return ProgramError(expected, found, "export the model again with bitprior export")


def take(operands: Sequence[Operand], least: int, most: int, op: str) -> Sequence[Operand]:
    """Check the number of inputs of a node."""
    if not least <= len(operands) <= most:
        count = str(least) if least == most else f"{least} to {most}"
        raise refuse(f"{op} with {count} inputs", f"{len(operands)}")
    return operands
