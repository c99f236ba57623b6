"""Cut a generator: G_0 = G_c(h_c(z)); h_c is dropped, what it gives is the new latent."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bitprior_export.cuts.blocks import boundaries
from bitprior_export.cuts.graph import activations, fresh, pruned, spread_resizes
from bitprior_runtime.errors import UsageError
from bitprior_runtime.program import Node, Program, Shape
from bitprior_runtime.shapes import infer_shapes

_INDEX = re.compile(r"[0-9]{1,4}")


@dataclass(frozen=True)
class CutProgram:
    """What is left of a generator, G_c.

    Attributes:
        program: One flat input [k_c], named as the whole generator's, and the same output.
        latents: Shapes of the parts of that input, by the names of the tensors they stand for, in
            the order in which they lie in it, each in C order: first the tensor of the cut, then
            the skips across it in the order in which they were computed.
    """

    program: Program
    latents: Mapping[str, Shape]


def cut(program: Program, where: str | int) -> CutProgram:
    """Drop all that the tensor ``where`` is made from.

    The tensor itself, and every other dropped tensor that later nodes still use (a skip
    connection), become parts of the latent. G_c(h_c(z)) = G_0(z) in every bit.

    Args:
        program: The generator, one input z.
        where: Name of the tensor, or the number of blocks to drop, see
            :mod:`bitprior_export.cuts.blocks`; 0 drops nothing.

    Raises:
        UsageError: No such tensor or block, or nothing would be left.
        ProgramError: The program is malformed.
    """
    _check_input(program)
    whole, name = _locate(program, where)
    if len(program.inputs.get(name, ())) == 1:
        return CutProgram(program, dict(program.inputs))
    dropped = _ancestors(whole, name)
    kept = pruned(whole, [node for node in whole.nodes if node.output not in dropped])
    shapes = infer_shapes(whole)
    latents = {part: shapes[part] for part in _frontier(whole, kept, dropped, name)}
    return CutProgram(_with_flat_input(kept, latents), latents)


def head(program: Program, where: str | int) -> Program:
    """Return h_c: z -> the flat latent of ``cut(program, where)``, for checks and starts.

    Raises:
        UsageError: As :func:`cut`.
        ProgramError: The program is malformed.
    """
    parts = list(cut(program, where).latents)
    whole, _ = _locate(program, where)
    output = fresh(whole, "latent")
    flat = [output] if len(parts) == 1 else [fresh(whole, f"{part}.flat") for part in parts]
    nodes = [
        *whole.nodes,
        *(Node("Flatten", (part,), name) for part, name in zip(parts, flat, strict=True)),
    ]
    if len(parts) > 1:
        nodes.append(Node("Concat", tuple(flat), output, {"axis": 1}))
    return pruned(replace(whole, name="head", output=output), nodes)


def cut_generator(program: Program, text: str) -> CutProgram:
    """Cut as the command line's ``--cut NAME|INDEX`` asks; see :func:`cut`.

    Raises:
        UsageError: As :func:`cut`.
        ProgramError: The program is malformed.
    """
    return cut(program, int(text) if _INDEX.fullmatch(text) else text)


def _check_input(program: Program) -> None:
    if len(program.inputs) != 1:
        raise UsageError(
            "a generator with one input",
            f"{len(program.inputs)}: {', '.join(program.inputs)}",
            "cut the generator, not another program",
        )


def _locate(program: Program, where: str | int) -> tuple[Program, str]:
    """Return the program and the name of its tensor to cut at."""
    plain, spread = pruned(program, program.nodes), spread_resizes(program)
    known = boundaries(program)
    if isinstance(where, int):
        if not 0 <= where < len(known):
            raise _no_such(known, f"{where}")
        where = list(known)[where]
    # As it is, if the tensor is in there: a name means what it says.
    for whole in (plain, spread):
        if where in whole.inputs or any(node.output == where for node in whole.nodes[:-1]):
            return whole, where
    raise _no_such(known, repr(where))


def _no_such(known: Mapping[str, Shape], found: str) -> UsageError:
    listed = "; ".join(
        f"{index} {name} {'x'.join(map(str, shape))}"
        for index, (name, shape) in enumerate(known.items())
    )
    return UsageError(
        f"a cut at one of the blocks ({listed}) or at another tensor before the output",
        found,
        "give one of these numbers or names",
    )


def _ancestors(program: Program, name: str) -> set[str]:
    """Return ``name`` and every activation it is made from."""
    found = {name}
    for node in reversed(program.nodes):
        if node.output in found:
            found.update(activations(program, node))
    return found


def _frontier(whole: Program, kept: Program, dropped: set[str], name: str) -> Sequence[str]:
    """Return the dropped tensors that ``kept`` reads: ``name`` first, then in order."""
    used = {source for node in kept.nodes for source in node.inputs} & dropped
    ordered = (*whole.inputs, *(node.output for node in whole.nodes))
    return [name, *(other for other in ordered if other in used and other != name)]


def _with_flat_input(kept: Program, latents: Mapping[str, Shape]) -> Program:
    """Return ``kept`` with its frontier cut out of one flat input."""
    (source,) = kept.inputs
    names = {part: part for part in latents}
    if source in latents:  # a skip from z itself: the flat input has its name
        names[source] = fresh(kept, f"{source}.part")
    nodes: list[Node] = []
    start, total = 0, sum(math.prod(shape) for shape in latents.values())
    for part, shape in latents.items():
        end, piece = start + math.prod(shape), source
        if len(latents) > 1:
            piece = fresh(kept, f"{part}.flat")
            nodes.append(Node("Slice", (source,), piece, _range(start, end)))
        nodes.append(Node("Reshape", (piece,), names[part], {"shape": shape}))
        start = end
    for node in kept.nodes:
        inputs = tuple(names.get(name, name) for name in node.inputs)
        nodes.append(replace(node, inputs=inputs))
    return replace(kept, inputs={source: (total,)}, nodes=tuple(nodes))


def _range(start: int, end: int) -> Mapping[str, tuple[int, ...]]:
    return {"starts": (start,), "ends": (end,), "axes": (1,), "steps": (1,)}
