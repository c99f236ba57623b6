"""Where the blocks of a generator end: the tensors at which it can be cut by index.

Only the main path counts, from the output back along the first activation each node reads. The
index of a cut is the number of blocks it drops:

- A **layer** (Gemm, MatMul, Conv, ConvTranspose) begins a block. What follows it belongs to it:
  bias, normalisation, activation, Reshape, DepthToSpace, scaling.
- A Resize, Pad or Concat **prepares** the layer behind it and belongs to that one's block; of a
  Concat, the block ends at its first input.
- A Resize **at a skip connection** is a block by itself: one whose source others read too, or
  whose result a Concat joins with another path. (A Concat in front of a nearest Resize counts as
  one behind it: see :func:`~bitprior_export.cuts.graph.spread_resizes`.)

This gives the cut indices of Generator Surgery: a DCGAN counts its transposed convolutions, a VAE
decoder counts up-sampling and convolution as one, BEGAN, with its skips, counts every layer.
"""

from collections.abc import Iterator, Mapping

from bitprior_export.cuts.graph import activations, reads, spread_resizes
from bitprior_runtime.program import Node, Program, Shape
from bitprior_runtime.shapes import infer_shapes

_LAYERS = ("Gemm", "MatMul", "Conv", "ConvTranspose")
_PREPARING = ("Resize", "Pad", "Concat")


def boundaries(program: Program) -> Mapping[str, Shape]:
    """Return the tensors at which blocks begin, with their shapes without the batch axis.

    The first is the input; the tensor at position c is where cut c is made.

    Raises:
        ProgramError: The program is malformed.
    """
    spread = spread_resizes(program)
    shapes = infer_shapes(spread)
    return {name: shapes[name] for name in _boundaries(spread)}


def _boundaries(program: Program) -> Iterator[str]:
    path = _main_path(program)
    yield path[0][0]
    complete = False  # whether the block so far has its layer
    for source, node in path:
        alone = node.op == "Resize" and _at_skip(program, node)
        if node.op in _LAYERS or node.op in _PREPARING:
            if complete:
                yield source
            complete = node.op in _LAYERS or alone


def _main_path(program: Program) -> list[tuple[str, Node]]:
    """Return the nodes of the main path in execution order, each with the tensor it continues."""
    writers = {node.output: node for node in program.nodes}
    path, name = [], program.output
    while name in writers:
        node = writers[name]
        name = activations(program, node)[0]
        path.append((name, node))
    return path[::-1]


def _at_skip(program: Program, node: Node) -> bool:
    joined = any(node.output in other.inputs for other in program.nodes if other.op == "Concat")
    return joined or reads(program)[node.inputs[0]] > 1
