"""Weights quantised after training are as near to the float ones as their bits allow."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from bitprior_export.post_training import quantise_float
from bitprior_runtime.tensors import QuantisedTensor, grid_integers
from builders.graphs import assert_equal_everywhere, graph, node, translated

RNG = np.random.default_rng(0)


def weight(*shape: int) -> NDArray[np.float32]:
    """Return weights with channels of very different sizes along axis 1."""
    scale = 10.0 ** np.arange(-2, shape[1] - 2).reshape(1, -1, *[1] * (len(shape) - 2))
    return (RNG.standard_normal(shape) * scale).astype(np.float32)


def relative_error(weights: NDArray[np.float32], bits: int, axis: int) -> float:
    error = quantise_float(weights, bits, axis).values() - weights
    rows = (np.moveaxis(part, axis, 0).reshape(part.shape[axis], -1) for part in (error, weights))
    lost, kept = ((row.astype(np.float64) ** 2).sum(axis=1) for row in rows)
    return float((lost / kept).max())


@pytest.mark.parametrize("bits", range(1, 9))
def test_codes_stay_on_their_grid_and_channels_have_their_own_scale(bits: int) -> None:
    weights = weight(64, 4, 3, 3)
    found = quantise_float(weights, bits, axis=1)
    assert (found.bits, found.axis, found.scale.shape) == (bits, 1, (4,))
    assert found.grid == ("binary" if bits == 1 else "mid-rise" if bits <= 3 else "narrow")
    assert found.codes.max() < 2**bits
    assert found.grid != "narrow" or found.codes.min() >= 1
    assert (found.scale[1:] > 5 * found.scale[:-1]).all()


def test_every_bit_halves_the_error_at_least() -> None:
    weights = weight(64, 4, 3, 3)
    errors = [relative_error(weights, bits, 1) for bits in range(1, 9)]
    assert all(after < 0.5 * before for before, after in itertools.pairwise(errors))
    assert errors[0] < 0.45  # 1 - 2 / pi of a Gaussian is 0.36
    assert errors[3] < 0.02  # the best uniform 4-bit quantiser of a Gaussian has 0.0115
    assert errors[7] < 2e-4


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_no_scale_of_a_fine_search_is_much_better(bits: int) -> None:
    weights = weight(200, 1)
    found = quantise_float(weights, bits, axis=1)
    multiplier, offset = grid_integers(found.grid, bits)
    lowest = 1 if found.grid == "narrow" else 0
    best = np.inf
    for scale in np.linspace(0.05, 1.5, 2000) * float(np.abs(weights).max()) / 2 ** (bits - 1):
        codes = np.clip(np.rint((weights / scale + offset) / multiplier), lowest, 2**bits - 1)
        best = min(best, float((((codes * multiplier - offset) * scale - weights) ** 2).sum()))
    assert float(((found.values() - weights) ** 2).sum()) < 1.03 * best


def test_one_bit_is_the_sign_times_the_mean_magnitude() -> None:
    weights = weight(50, 3)
    found = quantise_float(weights, 1, axis=1)
    np.testing.assert_allclose(found.scale, np.abs(weights).mean(axis=0), rtol=1e-6)
    np.testing.assert_array_equal(np.sign(found.values()), np.sign(weights))


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_channels_of_zeros_stay_next_to_nothing(bits: int) -> None:
    weights = np.zeros((8, 2), np.float32)
    found = quantise_float(weights, bits, axis=1)
    assert (found.scale > 0).all()
    assert np.abs(found.values()).max() < 1e-10


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize(
    ("layer", "shape", "axis"),
    [("Conv", (3, 4, 3, 3), 0), ("ConvTranspose", (4, 3, 2, 2), 1), ("MatMul", (4, 3), 1)],
)
def test_layers_are_quantised_on_the_way_in_and_batch_norms_folded(
    bits: int, layer: str, shape: tuple[int, ...], axis: int
) -> None:
    sizes = ("batch", 4) if layer == "MatMul" else ("batch", 4, 5, 5)
    norm = {name: RNG.standard_normal(3, dtype=np.float32) for name in ("g", "b", "m")}
    model = graph(
        [
            node(layer, ["z", "w"], ["y"]),
            node("BatchNormalization", ["y", "g", "b", "m", "v"], ["n"]),
            node("Tanh", ["n"], ["x"]),
        ],
        {
            "w": RNG.standard_normal(shape, dtype=np.float32),
            "v": np.ones(3, np.float32),
            **norm,
        },
        sizes,
    )
    found = translated(model, weight_bits=bits)
    assert [entry.op for entry in found.program.nodes] == [
        "Gemm" if layer == "MatMul" else layer, "Tanh"
    ]  # fmt: skip
    tensor = found.program.tensors[found.program.nodes[0].inputs[1]]
    assert isinstance(tensor, QuantisedTensor)
    assert (tensor.bits, tensor.axis) == (bits, axis)
    assert_equal_everywhere(model)  # and without quantisation as it was


def test_what_is_quantised_already_stays_as_it_is() -> None:
    model = graph(
        [
            node("Quant", ["w", "s", "o", "b"], ["q"], domain="qonnx.custom_op.general",
                 signed=1, narrow=0, rounding_mode="ROUND"),
            node("MatMul", ["z", "q"], ["x"]),
        ],
        {
            "w": RNG.standard_normal((4, 3), dtype=np.float32),
            "s": np.full((), 0.3, np.float32),
            "o": np.zeros((), np.float32),
            "b": np.full((), 3, np.float32),
        },
    )  # fmt: skip
    tensor = translated(model, weight_bits=8).program.tensors["w"]
    assert tensor.bits == 3
