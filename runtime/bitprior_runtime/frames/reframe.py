"""Give a fully convolutional program the shapes of another frame.

At its start such a program makes maps of its flat input: a Reshape, or for a latent of several
parts a Slice and a Reshape each. Those follow the frame, and the sizes of a Resize; all else
follows by shape inference. Refused is what has weights or constants for single places, or moves
places and channels into each other. InstanceNormalization is allowed: its statistics are then those
of the whole frame.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from bitprior_runtime.budget import check_budget
from bitprior_runtime.bundle.limits import MAX_FRAME_BYTES
from bitprior_runtime.errors import ProgramError
from bitprior_runtime.program import Node, Program, Shape

# Ops that do the same at every place, whatever the frame.
_LOCAL = {
    "Abs", "AveragePool", "Clip", "Conv", "ConvTranspose", "DepthToSpace", "Elu", "Exp",
    "HardSigmoid", "HardSwish", "Identity", "InstanceNormalization", "LeakyRelu", "Log", "MaxPool",
    "Neg", "Relu", "Selu", "Sigmoid", "Softplus", "SpaceToDepth", "Sqrt", "Tanh",
}  # fmt: skip
# Ops that are local if their constants are the same at every place.
_BROADCAST = {"Add", "Sub", "Mul", "Div", "PRelu", "Pow"}
# Ops that are local along the channels alone, by the attribute that names the axes.
_CHANNELS = {"Concat": "axis", "Slice": "axes", "ReduceSum": "axes", "ReduceMean": "axes"}
_TODO = "serve frames by tiles (TiledPrior), or use images of the prior's own size"


def reframe(program: Program, native: tuple[int, int], frame: tuple[int, int]) -> Program:
    """Return the program with the shapes of another frame.

    Args:
        program: One flat input, or one of maps [C,h,w].
        native: (H, W) of the frame that the program has now.
        frame: (H, W) wanted; maps that are smaller by a stride must come out whole.

    Raises:
        ProgramError: The program is not fully convolutional, or the frame leaves maps of broken
            sizes.
    """
    (source,) = program.inputs
    shape = program.inputs[source]
    if len(shape) == 3:
        return _follow(program, {source: _scaled(shape, native, frame)}, (), native, frame)
    nodes, entries = list(program.nodes), []
    parts = _parts(program, source)
    start = 0
    for piece, entry in parts:
        maps = _scaled(cast(Shape, entry.attributes["shape"]), native, frame)
        end = start + math.prod(maps)
        nodes.remove(entry)
        if piece is not None:
            nodes.remove(piece)
            entries.append(replace(piece, attributes=_range(start, end)))
        entries.append(replace(entry, attributes={"shape": maps}))
        start = end
    rest = replace(program, nodes=tuple(nodes))
    return _follow(rest, {source: (start,)}, tuple(entries), native, frame)


def map_shapes(program: Program) -> list[Shape]:
    """Return the shapes [C,h,w] of the maps that a program makes of its flat input, in order.

    Raises:
        ProgramError: It does not begin so.
    """
    (source,) = program.inputs
    shapes = (cast(Shape, entry.attributes["shape"]) for _, entry in _parts(program, source))
    return list(shapes)


def _parts(program: Program, source: str) -> list[tuple[Node | None, Node]]:
    """Return the Slice, if any, and the Reshape of each part of the flat input, in order."""
    readers = [node for node in program.nodes if source in node.inputs]
    pieces = {node.output: node for node in readers if node.op == "Slice"}
    found: list[tuple[Node | None, Node]] = [
        (pieces.get(node.inputs[0]), node)
        for node in program.nodes
        if node.op == "Reshape" and node.inputs[0] in (source, *pieces)
    ]
    whole = all(len(cast(Shape, node.attributes["shape"])) == 3 for _, node in found)
    alone = len(readers) == len(found) == (len(pieces) or 1)
    if not (whole and alone):
        raise _refuse(
            f"a {program.name} that begins with a Reshape to maps, or a Slice and a Reshape a part",
            f"{source!r} is read by {', '.join(node.op for node in readers) or 'nothing'}",
        )
    if not pieces:
        return found
    found.sort(key=lambda pair: cast(Shape, cast(Node, pair[0]).attributes["starts"])[0])
    _check_pieces(program, source, found)
    return found


def _check_pieces(program: Program, source: str, parts: list[tuple[Node | None, Node]]) -> None:
    """Check that the slices lie side by side and leave nothing out."""
    position = 0
    for piece, entry in parts:
        assert piece is not None
        end = position + math.prod(cast(Shape, entry.attributes["shape"]))
        if dict(piece.attributes) != _range(position, end):
            raise _refuse(
                f"{piece.output!r} to be values {position} to {end}", f"{dict(piece.attributes)}"
            )
        position = end
    if (position,) != program.inputs[source]:
        raise _refuse(f"parts of {program.inputs[source][0]} values in all", f"{position}")


def _range(start: int, end: int) -> dict[str, tuple[int, ...]]:
    return {"starts": (start,), "ends": (end,), "axes": (1,), "steps": (1,)}


def _follow(
    program: Program,
    inputs: Mapping[str, Shape],
    entries: tuple[Node, ...],
    native: tuple[int, int],
    frame: tuple[int, int],
) -> Program:
    """Return the program behind ``entries``, checked node by node."""
    nodes = tuple(_followed(program, node, native, frame) for node in program.nodes)
    made = replace(program, inputs=dict(inputs), nodes=(*entries, *nodes))
    check_budget((made,), MAX_FRAME_BYTES)
    return made


def _followed(
    program: Program, node: Node, native: tuple[int, int], frame: tuple[int, int]
) -> Node:
    if node.op == "Resize":
        sizes = _scaled((1, *cast(Shape, node.attributes["sizes"])), native, frame)[1:]
        return replace(node, attributes={**node.attributes, "sizes": sizes})
    if node.op == "Pad":
        pads = cast(Shape, node.attributes["pads"])
        if len(pads) == 6:
            return node
    elif node.op in _CHANNELS:
        axes = node.attributes.get(_CHANNELS[node.op], ())
        if axes in (1, (1,)):
            return node
    elif node.op in _LOCAL or (node.op in _BROADCAST and _even(program, node)):
        return node
    raise _refuse(f"a fully convolutional {program.name}", f"{node.op} {node.output!r} in it")


def _even(program: Program, node: Node) -> bool:
    """Return whether the constants of an element-wise node are the same at every place."""
    shapes = [program.tensors[name].shape for name in node.inputs if name in program.tensors]
    return all(size == 1 for shape in shapes for size in shape[-2:])


def _scaled(shape: Shape, native: tuple[int, int], frame: tuple[int, int]) -> Shape:
    """Return the shape [C,h,w] of maps when the frame goes from ``native`` to ``frame``."""
    sizes = [size * new / old for size, old, new in zip(shape[1:], native, frame, strict=True)]
    if not all(size.is_integer() and size >= 1 for size in sizes):
        raise _refuse(
            f"maps {shape[1]} x {shape[2]} of a frame {native[0]} x {native[1]} that follow it",
            f"{sizes[0]:g} x {sizes[1]:g} at a frame of {frame[0]} x {frame[1]}",
        )
    return (shape[0], *(int(size) for size in sizes))


def _refuse(expected: str, found: str) -> ProgramError:
    return ProgramError(expected, found, _TODO)
