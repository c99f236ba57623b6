"""Arguments of the library are checked as those of the command line are."""

from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

from bitprior_runtime.errors import BitpriorError, CheckFailedError, UsageError
from bitprior_runtime.model import Model, load
from bitprior_runtime.sensing.blocks import Blocks
from bitprior_runtime.sensing.matrix import Matrix
from bitprior_runtime.sensing.text import parse_frame, parse_operator
from bitprior_runtime.tensors import FloatTensor
from builders.bundles import tiny_bundle
from builders.photo import photo_bundle


@pytest.fixture
def model():
    return Model(tiny_bundle(4), 0)


@pytest.fixture(scope="module")
def photo():
    return Model(photo_bundle(4), 0)


Y = np.ones((1, 3), np.float32)


@pytest.mark.parametrize("kernel", ["auto", "native", "numpy"])
@pytest.mark.parametrize("threads", [0, -1, 257, 1.5, True, "x", 10**30])
def test_a_number_of_threads_that_cannot_be_is_refused_on_every_kernel(model, kernel, threads):
    with pytest.raises(UsageError, match="1 to 256 threads"):
        model.recover(Y, threads=threads, kernel=kernel)
    with pytest.raises(UsageError, match="1 to 256 threads"):
        model.choose(1, kernel, threads)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [("BITPRIOR_THREADS", "x", "1 to 256 threads"), ("BITPRIOR_KERNEL", "mmx", "a native kernel")],
)
def test_a_variable_that_says_nothing_is_refused_and_not_passed_over(
    model, monkeypatch, name, value, expected
):
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=expected):
        model.recover(Y)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("steps", 1.5), ("steps", True), ("steps", 0), ("steps", 10**9), ("steps", "5"),
        ("seed", 1.5), ("seed", -1), ("seed", 2**63),
        ("restarts", 1.5), ("restarts", 10**9),
        ("sparsity", 1.5), ("sparsity", 0),
        ("step_size", 1e300), ("step_size", 0.0), ("step_size", -1.0), ("step_size", 1e-320),
        ("step_size", float("nan")), ("step_size", float("inf")), ("step_size", "0.1"),
        ("tolerance", 1.0), ("tolerance", float("nan")), ("tolerance", "x"),
        ("max_seconds", 0), ("max_seconds", float("nan")), ("max_seconds", "x"),
        ("activation_bits", 12),
    ],
)  # fmt: skip
def test_an_option_out_of_its_range_is_named(model, option, value):
    with pytest.raises(UsageError) as caught:
        model.recover(Y, **{option: value})
    assert option.split("_")[0] in str(caught.value)


@pytest.mark.parametrize("solver", ["proximal", "fista", "adam", "lbfgs", "gauss-newton"])
@pytest.mark.parametrize("kernel", ["native", "numpy"])
def test_measurements_at_the_end_of_float32_are_an_error_with_every_solver(model, solver, kernel):
    with pytest.raises(CheckFailedError, match="finite"):
        model.recover(Y * np.float32(3e38), solver=solver, kernel=kernel, steps=3)


@pytest.mark.parametrize("solver", ["proximal", "fista", "adam", "lbfgs"])
def test_a_step_beyond_all_reason_gives_a_finite_picture_or_an_error(model, solver):
    with suppress(CheckFailedError):
        recovery = model.recover(Y, solver=solver, step_size=1e37, steps=20)
        assert np.isfinite(recovery.image).all()
        assert np.isfinite(recovery.loss).all()


def test_measurements_that_are_not_finite_are_an_error():
    bundle = tiny_bundle(4)
    sensing = replace(bundle.sensing, tensors={
        name: FloatTensor(np.full(tensor.shape, 3e38, np.float32))
        for name, tensor in bundle.sensing.tensors.items()
    })  # fmt: skip
    model = Model(replace(bundle, sensing=sensing), 0)
    with np.errstate(all="ignore"), pytest.raises(CheckFailedError, match="finite measurements"):
        model.sense(np.ones((1, 1, 2, 3), np.float32))


ODD = (None, 0, -1, 1.5, True, "x", "", b"x", [], (), {}, 10**30, float("nan"), object(),
       np.float32(2.5), np.array(2), np.array([1, 2]))  # fmt: skip
WISHES = ("solver", "engine", "kernel", "threads", "activation_bits", "restarts", "seed", "latent",
          "mirrored", "steps", "step_size", "sparsity", "tolerance", "max_seconds", "line_search",
          "noise", "operator", "progress")  # fmt: skip


def accepts_or_refuses(call):
    """Run a call that may only end well or in an error of ours."""
    with suppress(BitpriorError), np.errstate(all="ignore"):
        call()


@pytest.mark.parametrize("name", WISHES)
def test_whatever_an_option_of_a_recovery_is_nothing_but_our_errors_come_of_it(model, photo, name):
    y = model.bundle.golden.measurements[:1]
    operator = Blocks(np.random.default_rng(0).standard_normal((3, 16)), 4, (8, 8))
    readings = np.full((1, operator.size), 0.5, np.float32)
    for value in ODD:
        wish = {"steps": 2, "max_seconds": 5, name: value}
        if name != "restarts" or type(value) is not int or value < 100:
            accepts_or_refuses(lambda w=wish: model.recover(y, **w))
        wish = {"operator": operator, "max_seconds": 5, name: value}
        accepts_or_refuses(lambda w=wish: photo.recover(readings, **w))


@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value)[:12])
def test_whatever_is_given_to_a_model_nothing_but_our_errors_come_of_it(model, photo, value):
    rows = np.random.default_rng(0).standard_normal((3, 16))
    operator = Blocks(rows, 4, (8, 8))
    for call in (
        lambda: model.recover(value),
        lambda: model.generate(value),
        lambda: model.sense(value),
        lambda: model.engine(value),
        lambda: model.engine("float", value),
        lambda: model.engine("float", "native", value),
        lambda: model.engine("integer", "numpy", None, value),
        lambda: model.verify(value),
        lambda: model.verify("float", value),
        lambda: model.choose(value),
        lambda: model.choose(1, value),
        lambda: model.choose(1, "auto", value),
        lambda: photo.at(value),
        lambda: photo.at((value, 8)),
        lambda: photo.at((8, 8), value),
        lambda: photo.at((8, 8), threads=value),
        lambda: parse_operator(value),
        lambda: parse_operator("gaussian-blocks:m=5,size=4,seed=1", value),
        lambda: parse_frame(value),
        lambda: Blocks(value, 4, (8, 8)),
        lambda: Blocks(rows, value, (8, 8)),
        lambda: Blocks(rows, 4, value),
        lambda: Matrix(value, (4, 4)),
        lambda: Matrix(rows, value),
        lambda: operator.forward(value),
        lambda: operator.adjoint(value),
    ):
        accepts_or_refuses(call)
    if type(value) is not int:  # a whole number is a file that is open
        accepts_or_refuses(lambda: load(value))
