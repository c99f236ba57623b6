"""Classical operators measure what their names say."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from bitprior_export.qonnx.reader import translate
from bitprior_export.sensing_operators import (
    MAX_MATRIX,
    OPERATORS,
    build_operator,
    looks_like_operator,
    parse_operator,
)
from bitprior_runtime.engines.tape import NumpyProgram
from bitprior_runtime.errors import UsageError
from bitprior_runtime.program import Program
from bitprior_runtime.tensors import QuantisedTensor

GEOMETRY = (3, 8, 12)
SIZE = math.prod(GEOMETRY)


def program(text: str) -> Program:
    model = build_operator(parse_operator(text), GEOMETRY)
    return translate(model, "sensing", "x", "y").program


def images(rows: int = 4) -> NDArray[np.float32]:
    return np.random.default_rng(0).random((rows, *GEOMETRY), dtype=np.float32)


def sense(text: str, x: NDArray[np.float32]) -> NDArray[np.float32]:
    return NumpyProgram(program(text), np.float32).forward({"x": x})["y"]


@pytest.mark.parametrize("kind", ["gaussian", "rademacher"])
def test_random_matrices_keep_lengths_on_average(kind: str) -> None:
    x = images(50)
    y = sense(f"{kind}:m=120,seed=1", x)
    assert y.shape == (50, 120)
    ratios = (y**2).sum(axis=1) / (x.reshape(50, -1) ** 2).sum(axis=1)
    assert 0.7 < ratios.mean() < 1.3
    assert np.array_equal(y, sense(f"{kind}:m=120,seed=1", x))
    assert not np.array_equal(y, sense(f"{kind}:m=120", x))


def test_a_rademacher_matrix_takes_one_bit_an_entry() -> None:
    (matrix,) = program("rademacher:m=16").tensors.values()
    assert isinstance(matrix, QuantisedTensor)
    assert (matrix.bits, matrix.grid, matrix.shape) == (1, "binary", (16, SIZE))
    assert matrix.stored_bytes == 16 * SIZE // 8 + 4
    np.testing.assert_array_equal(np.abs(matrix.values()), np.float32(0.25))
    assert 0.4 < matrix.codes.mean() < 0.6


def test_a_mask_shows_a_share_of_the_pixels_in_all_colours() -> None:
    x = images()
    y = sense("mask:keep=0.25,seed=7", x).reshape(x.shape)
    seen = y != 0
    assert seen[:, 0].reshape(4, -1).sum(axis=1).tolist() == [24] * 4
    assert (seen == seen[:1, :1]).all()
    np.testing.assert_array_equal(y[seen], x[seen])


def test_superresolution_averages_squares() -> None:
    x = images()
    y = sense("superres:factor=4", x).reshape(4, 3, 2, 3)
    np.testing.assert_allclose(y[1, 2, 1, 2], x[1, 2, 4:8, 8:12].mean(), rtol=1e-6)


def test_the_identity_changes_nothing() -> None:
    x = images()
    np.testing.assert_array_equal(sense("identity", x), x.reshape(4, -1))


@pytest.mark.parametrize("text", OPERATORS)
def test_the_examples_are_understood(text: str) -> None:
    assert looks_like_operator(text)
    parse_operator(text)


@pytest.mark.parametrize("text", ["a.onnx", "gaussian.onnx", "folder/gaussian", "gausian:m=2", ""])
def test_files_are_no_operators(text: str) -> None:
    assert not looks_like_operator(text)


@pytest.mark.parametrize(
    "text",
    [
        "gaussian",
        "gaussian:seed=1",
        "gaussian:m=0",
        "gaussian:m=2.5",
        "gaussian:m=5,m=6",
        "gaussian:m=5,seed=99999999999999999999",
        "gaussian:m=5,keep=1",
        "identity:m=3",
        "identity:seed=1",
        "mask:keep=1.5",
        "mask:keep=0.1.2",
        "superres:factor=0",
        "superres:factor=2,seed=1",
    ],
)
def test_wrong_numbers_are_refused(text: str) -> None:
    assert looks_like_operator(text)
    with pytest.raises(UsageError, match="an operator such as"):
        parse_operator(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("superres:factor=5", "must divide"),
        ("mask:keep=0.001", "0 of 96 pixels"),
        (f"gaussian:m={MAX_MATRIX}", "a matrix of at most"),
        (f"rademacher:m={MAX_MATRIX}", "a matrix of at most"),
    ],
)
def test_operators_that_do_not_fit_the_images_are_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        program(text)


@pytest.mark.parametrize("kind", ["gaussian", "rademacher"])
def test_phase_retrieval_keeps_sizes_and_loses_signs(kind: str) -> None:
    x = images()
    signed = sense(f"{kind}:m=20,seed=3", x)
    assert (signed < 0).any()
    found = sense(f"phase:m=20,kind={kind},loss=amplitude,seed=3", x)
    np.testing.assert_allclose(found, np.abs(signed), rtol=1e-6)
    found = sense(f"phase:m=20,kind={kind},loss=squared,seed=3", x)
    np.testing.assert_allclose(found, signed**2, rtol=1e-6)


def vjp(text: str, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    tape = NumpyProgram(program(text), np.float64)
    values = tape.forward({"x": x})
    found: NDArray[np.float64] = tape.backward(values, y)["x"]
    return found


@pytest.mark.parametrize(
    "text", ["gaussian:m=20", "rademacher:m=20", "mask:keep=0.3", "superres:factor=2", "identity"]
)
def test_linear_operators_have_the_adjoint_of_their_inner_products(text: str) -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((2, *GEOMETRY))
    forward = NumpyProgram(program(text), np.float64).forward({"x": x})["y"]
    y = rng.standard_normal(forward.shape)
    left, right = (forward * y).sum(), (x * vjp(text, x, y)).sum()
    np.testing.assert_allclose(left, right, rtol=1e-10)


@pytest.mark.parametrize("kind", ["gaussian", "rademacher"])
@pytest.mark.parametrize("loss", ["amplitude", "squared"])
def test_phase_retrieval_has_the_slope_of_finite_differences(kind: str, loss: str) -> None:
    text = f"phase:m=20,kind={kind},loss={loss}"
    rng = np.random.default_rng(2)
    x, d = rng.standard_normal((2, 1, *GEOMETRY))
    y = rng.standard_normal((1, 20))
    run, h = NumpyProgram(program(text), np.float64), 1e-6

    def value(image: NDArray[np.float64]) -> float:
        return float((run.forward({"x": image})["y"] * y).sum())

    numeric = (value(x + h * d) - value(x - h * d)) / (2 * h)
    np.testing.assert_allclose((vjp(text, x, y) * d).sum(), numeric, rtol=1e-6)


@pytest.mark.parametrize(
    "text",
    ["phase:m=20", "phase:m=20,kind=mask,loss=squared", "phase:m=20,kind=gaussian,loss=huber"],
)
def test_phase_retrieval_needs_a_matrix_and_a_loss_that_exist(text: str) -> None:
    with pytest.raises(UsageError, match="phase:m=250,kind=gaussian"):
        parse_operator(text)
