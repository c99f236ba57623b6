"""Compile generator and sensing network into one program of the native float runner."""

from dataclasses import dataclass

from bitprior_runtime.kernels.float_nodes import RULES
from bitprior_runtime.kernels.float_scope import Scope, UnsupportedOpError
from bitprior_runtime.kernels.plan import Plan
from bitprior_runtime.kernels.structures import ProgramStruct
from bitprior_runtime.program import Node, Program
from bitprior_runtime.shapes import complete_attributes, infer_shapes


@dataclass(frozen=True)
class CompiledProgram:
    """A program for C.

    Attributes:
        struct: What C reads.
        plan: Keeps the arrays behind ``struct`` alive.
        latent: k.
        image: Shape of x, without the batch.
        measurements: m.
    """

    struct: ProgramStruct
    plan: Plan
    latent: int
    image: tuple[int, ...]
    measurements: int


def compile_programs(generator: Program, sensing: Program) -> CompiledProgram:
    """Compile z -> x and x -> y as one list of nodes.

    Args:
        generator: Program z [k] -> x.
        sensing: Program x -> y [m].

    Raises:
        ProgramError: A program is malformed.
        UnsupportedOpError: An op the native runner lacks, or a program whose output does not
            depend on its input.
    """
    plan = Plan()
    (latent_shape,) = generator.inputs.values()
    latent = plan.value(latent_shape)
    image, image_shape = _compile(plan, generator, latent)
    middle = len(plan.nodes)
    measurement, measurement_shape = _compile(plan, sensing, image)
    return CompiledProgram(
        plan.finish(middle, latent, image, measurement),
        plan,
        latent_shape[0],
        image_shape,
        measurement_shape[0],
    )


def _compile(plan: Plan, program: Program, source: int) -> tuple[int, tuple[int, ...]]:
    """Compile one program that reads value ``source``; return its output's value and shape."""
    shapes = infer_shapes(program)
    (name,) = program.inputs
    scope = Scope(plan, program, shapes, {name: source}, {})
    for node in _needed(program):
        if node.op not in RULES:
            raise UnsupportedOpError(node.op)
        RULES[node.op](scope, node, complete_attributes(node))
    return scope.values[program.output], shapes[program.output]


def _needed(program: Program) -> list[Node]:
    """Return the nodes the output depends on; the others would have no cotangent."""
    wanted, needed = {program.output}, []
    for node in reversed(program.nodes):
        if node.output in wanted:
            needed.append(node)
            wanted.update(node.inputs)
    return needed[::-1]
