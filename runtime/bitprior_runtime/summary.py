"""The model summary: what each layer costs in bits, weights, multiply-adds and bytes."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from bitprior_runtime.program import Node, Program, Shape
from bitprior_runtime.shapes import infer_shapes
from bitprior_runtime.tensors import Tensor

# Multiply-adds for one image, from the shapes of a layer's input, weight and output.
MacRule: TypeAlias = Callable[[Shape, Shape, Shape], int]


@dataclass(frozen=True)
class SummaryRow:
    """One layer, or the total of several.

    Attributes:
        program: ``"generator"`` or ``"sensing"``; ``"model"`` for the total of both.
        layer: Name of the tensor it writes; ``"total"`` for a total.
        op: ONNX op type; empty for a total.
        shape: Shape of its output without the batch axis; empty for a total.
        bits: Bit width of its weight; the widest for a total; None without a weight.
        weights: Values of its weight: the constant it multiplies with.
        other: Values of its other constants: biases, factors.
        macs: Multiply-adds for one image.
        bytes: Stored bytes of its constants: packed codes, scales, float values.
        float_bytes: Bytes of the same constants in float32.
    """

    program: str
    layer: str
    op: str
    shape: Shape
    bits: int | None
    weights: int
    other: int
    macs: int
    bytes: int
    float_bytes: int

    @property
    def ratio(self) -> float:
        """How many times smaller than in float32."""
        return self.float_bytes / self.bytes if self.bytes else 1.0


def summarise(generator: Program, sensing: Program) -> list[SummaryRow]:
    """Return one row for each node of both programs, in execution order.

    Raises:
        ProgramError: A program is malformed.
    """
    return [*rows_of(generator), *rows_of(sensing)]


def total(rows: Sequence[SummaryRow], program: str) -> SummaryRow:
    """Add up rows.

    Args:
        rows: The rows.
        program: What they belong to, for the row's ``program``.
    """
    return SummaryRow(
        program=program,
        layer="total",
        op="",
        shape=(),
        bits=max((row.bits for row in rows if row.bits is not None), default=None),
        weights=sum(row.weights for row in rows),
        other=sum(row.other for row in rows),
        macs=sum(row.macs for row in rows),
        bytes=sum(row.bytes for row in rows),
        float_bytes=sum(row.float_bytes for row in rows),
    )


def render_summary(rows: Sequence[SummaryRow]) -> str:
    """Return the rows as a plain text table, with a total for each program and for all."""
    table: list[tuple[str, ...]] = [_HEADINGS]
    rules = []
    programs = list(dict.fromkeys(row.program for row in rows))
    for program in programs:
        own = [row for row in rows if row.program == program]
        rules.append(len(table))
        table += [_cells(row) for row in (*own, total(own, program))]
    rules.append(len(table))
    table.append(_cells(total(rows, "model")))
    widths = [max(len(line[column]) for line in table) for column in range(len(_HEADINGS))]
    lines = [_line(cells, widths) for cells in table]
    for index in reversed(rules):
        lines.insert(index, "-" * (sum(widths) + 2 * len(widths) - 2))
    return "\n".join(lines)


def rows_of(program: Program) -> list[SummaryRow]:
    """Return one row for each node of a program, in execution order.

    Raises:
        ProgramError: The program is malformed.
    """
    shapes = infer_shapes(program)
    # A tensor that two nodes share is stored once: it counts where it is read first.
    unseen = dict(program.tensors)
    rows = []
    for node in program.nodes:
        own = {name: unseen.pop(name) for name in node.inputs if name in unseen}
        rows.append(_row(program, node, shapes, own))
    return rows


def _row(
    program: Program, node: Node, shapes: Mapping[str, Shape], own: Mapping[str, Tensor]
) -> SummaryRow:
    rule = _MACS.get(node.op)
    weight = node.inputs[1] if rule else None
    macs = rule(*(shapes[name] for name in (*node.inputs[:2], node.output))) if rule else 0
    sizes = {name: math.prod(tensor.shape) for name, tensor in own.items()}
    weights = sizes.get(weight, 0) if weight else 0
    return SummaryRow(
        program=program.name,
        layer=node.output,
        op=node.op,
        shape=shapes[node.output],
        bits=program.tensors[weight].bits if weight else None,
        weights=weights,
        other=sum(sizes.values()) - weights,
        macs=macs,
        bytes=sum(tensor.stored_bytes for tensor in own.values()),
        float_bytes=4 * sum(sizes.values()),
    )


def _gemm_macs(source: Shape, weight: Shape, output: Shape) -> int:
    return math.prod(weight)


def _matmul_macs(source: Shape, weight: Shape, output: Shape) -> int:
    return math.prod(output) * weight[0]


def _conv_macs(source: Shape, weight: Shape, output: Shape) -> int:
    # [out, in / group, h, w]: every output value sums over one filter.
    return math.prod(output) * math.prod(weight[1:])


def _conv_transpose_macs(source: Shape, weight: Shape, output: Shape) -> int:
    # [in, out / group, h, w]: every input value is spread over one filter.
    return math.prod(source) * math.prod(weight[1:])


_MACS: Mapping[str, MacRule] = {
    "Gemm": _gemm_macs,
    "MatMul": _matmul_macs,
    "Conv": _conv_macs,
    "ConvTranspose": _conv_transpose_macs,
}

_HEADINGS = (
    "program",
    "layer",
    "op",
    "shape",
    "bits",
    "weights",
    "other",
    "MACs",
    "kB",
    "float32 kB",
    "ratio",
)
_TEXT_COLUMNS = 4


def _cells(row: SummaryRow) -> tuple[str, ...]:
    ratio = f"{row.ratio:.2f}" if row.bytes else "-"
    return (
        row.program,
        row.layer,
        row.op,
        "x".join(map(str, row.shape)),
        "-" if row.bits is None else str(row.bits),
        *(f"{count:,}" if count else "-" for count in (row.weights, row.other, row.macs)),
        *(f"{size / 1000:.2f}" if size else "-" for size in (row.bytes, row.float_bytes)),
        ratio,
    )


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cell.ljust(width) if column < _TEXT_COLUMNS else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(padded).rstrip()
