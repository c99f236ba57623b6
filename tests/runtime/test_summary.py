from pathlib import Path

import numpy as np
import pytest

from bitprior_runtime.program import Node, Program
from bitprior_runtime.summary import SummaryRow, render_summary, summarise, total
from bitprior_runtime.tensors import FloatTensor, QuantisedTensor, Tensor
from builders.bundles import tiny_bundle


def rows() -> list[SummaryRow]:
    bundle = tiny_bundle(4)
    return summarise(bundle.generator, bundle.sensing)


def test_the_table_of_a_small_model() -> None:
    folder = Path(__file__).parent / "snapshots"
    assert render_summary(rows()) + "\n" == (folder / "summary.txt").read_text()


def test_a_quantised_layer_counts_codes_scales_and_biases() -> None:
    first = rows()[0]
    assert first == SummaryRow(
        program="generator",
        layer="fc0",
        op="Gemm",
        shape=(6,),
        bits=4,
        weights=24,
        other=6,
        macs=24,
        bytes=24 * 4 // 8 + 6 * 4 + 6 * 4,  # codes, a scale a channel, biases
        float_bytes=(24 + 6) * 4,
    )
    assert first.ratio == 2.0


def test_the_totals_are_all_bytes_of_the_programs() -> None:
    bundle = tiny_bundle(3)
    found = total(summarise(bundle.generator, bundle.sensing), "model")
    tensors = [*bundle.generator.tensors.values(), *bundle.sensing.tensors.values()]
    assert found.bytes == sum(tensor.stored_bytes for tensor in tensors)
    assert found.weights + found.other == sum(int(np.prod(t.shape)) for t in tensors)
    assert found.bits == 32
    assert found.layer == "total"


def test_a_shared_tensor_counts_once() -> None:
    # "half" is read by two nodes of the generator.
    assert [row.other for row in rows() if row.layer in ("scaled", "pixels")] == [1, 0]


def floats(*shape: int) -> FloatTensor:
    return FloatTensor(np.ones(shape, np.float32))


@pytest.mark.parametrize(
    ("op", "source", "weight", "attributes", "macs"),
    [
        ("MatMul", (3, 4), (4, 5), {}, 3 * 4 * 5),
        ("Gemm", (4,), (5, 4), {"transB": 1}, 4 * 5),
        ("Conv", (2, 6, 6), (8, 2, 3, 3), {"pads": (1, 1, 1, 1)}, 8 * 36 * 2 * 9),
        ("Conv", (4, 6, 6), (8, 2, 3, 3), {"group": 2, "strides": (2, 2)}, 8 * 4 * 2 * 9),
        ("ConvTranspose", (2, 3, 3), (2, 5, 4, 4), {"strides": (2, 2)}, 2 * 9 * 5 * 16),
    ],
)
def test_multiply_adds_of_each_op(
    op: str,
    source: tuple[int, ...],
    weight: tuple[int, ...],
    attributes: dict[str, int | tuple[int, ...]],
    macs: int,
) -> None:
    node = Node(op, ("z", "w"), "x", attributes)
    program = Program("generator", {"z": source}, "x", (node,), {"w": floats(*weight)})
    assert summarise(program, program)[0].macs == macs


def test_a_model_without_any_weight_has_a_table() -> None:
    tensors: dict[str, Tensor] = {}
    program = Program("generator", {"z": (2,)}, "x", (Node("Tanh", ("z",), "x"),), tensors)
    assert "total" in render_summary(summarise(program, program))


def test_bits_of_a_total_are_the_widest() -> None:
    codes = np.zeros((2, 2), np.uint8)
    narrow = QuantisedTensor(codes, 1, "binary", np.ones((), np.float32))
    program = Program(
        "generator",
        {"z": (2,)},
        "x",
        (Node("Gemm", ("z", "a"), "h"), Node("Gemm", ("h", "b"), "x")),
        {"a": narrow, "b": QuantisedTensor(codes, 3, "wide", np.ones((), np.float32))},
    )
    assert total(summarise(program, program), "model").bits == 3
