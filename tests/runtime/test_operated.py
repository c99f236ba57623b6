"""Recovery through an operator that is apart from the prior."""

import numpy as np
import pytest

from bitprior_runtime import operated
from bitprior_runtime.errors import BitpriorError, UsageError
from bitprior_runtime.model import Model, load
from bitprior_runtime.sensing import Blocks, Hadamard, Matrix, Patterns, Rows
from builders.bundles import tiny_bundle
from builders.photo import photo_bundle
from builders.searching import made_up_photos

FRAME, SIZE, M = (21, 18), 8, 20
MATRIX = np.random.default_rng(2).standard_normal((M, SIZE * SIZE)) / SIZE
OPERATOR = Blocks(MATRIX, SIZE, FRAME)
PHOTOS = made_up_photos(2, *FRAME, seed=3)
Y = OPERATOR.forward(PHOTOS)


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(photo_bundle(), 0)


@pytest.fixture(scope="module")
def dense() -> Model:
    return Model(tiny_bundle(), 0)


def test_a_photo_prior_searches_as_it_learned_to(model: Model) -> None:
    found = model.recover(Y, operator=OPERATOR)
    assert (found.solver, found.engine) == ("learned", "float")
    assert found.image.shape == (2, 1, *FRAME)
    assert found.image.dtype == np.float32
    assert found.start is not None
    assert found.start.shape == found.image.shape
    assert found.image.min() >= 0
    assert found.image.max() <= 1
    assert found.history.shape == (3, 2)
    assert (found.steps == 2).all()
    np.testing.assert_array_equal(found.loss, found.history[-1])
    residual = Y - OPERATOR.forward(model.at(FRAME).generate(found.latent))
    np.testing.assert_allclose(found.loss, (residual**2).sum(axis=1), rtol=1e-3)


@pytest.mark.parametrize("engine", ["float", "integer"])
@pytest.mark.parametrize("largest", [1e20, 3e38])
def test_measurements_too_large_for_float32_are_an_error(
    model: Model, engine: str, largest: float
) -> None:
    y = np.where(Y > 0, np.float32(largest), np.float32(-largest))
    with pytest.raises(BitpriorError, match="finite"):
        model.recover(y, operator=OPERATOR, engine=engine)


@pytest.mark.parametrize("engine", ["float", "integer"])
def test_kernels_agree(model: Model, engine: str) -> None:
    ours, theirs = (
        model.recover(Y, operator=OPERATOR, engine=engine, kernel=kernel, steps=6)
        for kernel in ("numpy", "native")
    )
    assert (ours.kernel, theirs.kernel) == ("numpy", "native")
    if engine == "integer":
        for name in ("image", "latent", "history", "start"):
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    np.testing.assert_allclose(ours.image, theirs.image, atol=1e-3)


def test_the_integer_engine_is_near_the_float_engine(model: Model) -> None:
    plain, whole = (
        model.recover(Y, operator=OPERATOR, engine=engine) for engine in ("float", "integer")
    )
    assert np.sqrt(np.mean((plain.image - whole.image) ** 2)) < 0.01
    np.testing.assert_allclose(plain.start, whole.start, atol=0.02)


@pytest.mark.parametrize("solver", ["proximal", "fista", "adam", "lbfgs", "gauss-newton"])
def test_every_other_solver_takes_an_operator(model: Model, solver: str) -> None:
    found = model.recover(Y, operator=OPERATOR, solver=solver, steps=15)
    assert (found.solver, found.start) == (solver, None)
    assert (found.loss < found.history[0]).all()
    residual = Y - OPERATOR.forward(model.at(FRAME).generate(found.latent))
    np.testing.assert_allclose(found.loss, (residual**2).sum(axis=1), rtol=1e-3, atol=1e-4)


def test_other_solvers_begin_at_the_learned_start(model: Model) -> None:
    learned = model.recover(Y, operator=OPERATOR)
    fista = model.recover(Y, operator=OPERATOR, solver="fista", steps=1)
    np.testing.assert_allclose(fista.history[0], learned.history[0], rtol=1e-4)
    warm = model.recover(Y, operator=OPERATOR, solver="fista", steps=1, latent=learned.latent)
    np.testing.assert_allclose(warm.history[0], learned.loss, rtol=1e-3)


def test_a_matrix_of_the_frame_serves_as_well(model: Model) -> None:
    operator = Matrix(np.random.default_rng(0).standard_normal((80, 13 * 11)) / 12, (13, 11))
    photos = made_up_photos(1, 13, 11)
    found = model.recover(operator.forward(photos), operator=operator)
    assert found.image.shape == photos.shape


def test_a_prior_without_a_search_takes_fista(dense: Model) -> None:
    _, height, width = dense.geometry
    operator = Matrix(
        np.random.default_rng(0).standard_normal((4, height * width)), (height, width)
    )
    images = dense.generate(np.random.default_rng(1).standard_normal((3, 4)).astype(np.float32))
    found = dense.recover(operator.forward(images), operator=operator, restarts=4, steps=60)
    assert found.solver == "fista"
    assert np.median(found.loss / found.history[0]) < 0.5


def test_steps_time_and_progress_are_honoured(model: Model) -> None:
    calls: list[tuple[int, int]] = []
    found = model.recover(
        Y, operator=OPERATOR, steps=1, progress=lambda *call: calls.append(call), threads=1
    )
    assert calls == [(1, 1)]
    assert (found.steps == 1).all()
    assert (model.recover(Y, operator=OPERATOR, max_seconds=1e-9).steps == 1).all()


def test_noise_is_told_to_the_search(model: Model) -> None:
    plain, noisy = (model.recover(Y, operator=OPERATOR, noise=noise) for noise in (0.0, 0.3))
    assert np.abs(plain.image - noisy.image).max() > 0.01


BAD_CALLS = {
    "another length": ({"y": Y[:, :-1]}, f"m = {OPERATOR.size}"),
    "NaN": ({"y": np.where(np.arange(Y.shape[1]) == 3, np.nan, Y)}, "NaN or Inf in 2 of 2"),
    "whole numbers": ({"y": Y.astype(int)}, "dtype int64"),
    "negative noise": ({"noise": -1.0}, "noise from 0"),
    "restarts": ({"restarts": 3}, "restarts"),
    "a seed": ({"seed": 3}, "seed"),
    "mirrored": ({"mirrored": True}, "mirrored"),
    "a step size": ({"step_size": 0.1}, "step_size"),
    "a sparsity": ({"sparsity": 3}, "sparsity"),
    "a line search": ({"line_search": True}, "line_search"),
    "no steps": ({"steps": 0}, "steps >= 1"),
    "an unknown solver": ({"solver": "newton"}, "'newton'"),
    "an unknown engine": ({"engine": "abacus"}, "abacus"),
    "no operator at all": ({"operator": MATRIX}, "ndarray"),
    "a latent of another frame": (
        {"solver": "fista", "latent": np.zeros((2, 5), np.float32)}, "k = "),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_CALLS)
def test_what_does_not_fit_is_refused_in_one_line(model: Model, case: str) -> None:
    changes, named = BAD_CALLS[case]
    call = {"y": Y, "operator": OPERATOR, **changes}
    with pytest.raises(UsageError) as refused:
        model.recover(**call)
    assert named in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_prior_without_a_sensing_network_asks_for_an_operator(model: Model) -> None:
    with pytest.raises(UsageError, match="give operator="):
        model.recover(np.zeros((1, 64), np.float32))


def test_a_prior_without_a_learned_search_says_so(dense: Model) -> None:
    _, height, width = dense.geometry
    operator = Matrix(np.eye(height * width)[:3], (height, width))
    with pytest.raises(UsageError, match="prior with a learned search"):
        dense.recover(np.zeros((1, 3), np.float32), operator=operator, solver="learned")
    with pytest.raises(UsageError, match="an operator for the solver 'learned'"):
        dense.recover(np.zeros((1, 3), np.float32), solver="learned")
    with pytest.raises(UsageError, match="noise with an operator"):
        dense.recover(np.zeros((1, 3), np.float32), noise=0.1)


def test_a_prior_of_one_size_refuses_a_smaller_frame(dense: Model) -> None:
    operator = Matrix(np.eye(2)[:1], (1, 2))
    with pytest.raises(UsageError):
        dense.recover(np.zeros((1, 1), np.float32), operator=operator)


def test_patterns_with_a_transform_and_stacks_serve_both_engines(model: Model) -> None:
    frame = (16, 8)
    photos = made_up_photos(1, *frame)
    stack = np.random.default_rng(0).integers(0, 2, (150, *frame), dtype=np.uint8)
    for operator in (Hadamard(frame, m=40), Patterns(stack), Rows(Hadamard(frame), np.arange(9))):
        y = operator.forward(photos)
        plain, whole = (
            model.recover(y, operator=operator, noise=0.2, engine=engine)
            for engine in ("float", "integer")
        )
        assert plain.image.shape == photos.shape
        assert np.sqrt(np.mean((plain.image - whole.image) ** 2)) < 0.05


def test_an_operator_too_large_for_a_matrix_is_estimated_by_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    operator = Hadamard((32, 32), m=200)
    y = operator.forward(made_up_photos(1, 32, 32))
    matrix = load("photo-4bit").recover(y, operator=operator, noise=0.5)
    monkeypatch.setattr(operated, "fits", lambda _: False)
    steps = load("photo-4bit").recover(y, operator=operator, noise=0.5)
    assert np.sqrt(np.mean((matrix.image - steps.image) ** 2)) < 0.02


def test_the_integer_engine_refuses_frames_that_it_would_have_to_write_out(model: Model) -> None:
    operator = Hadamard((128, 64), m=10)
    y = np.zeros((1, 10), np.float32)
    with pytest.raises(UsageError, match="float engine"):
        model.recover(y, operator=operator, engine="integer")
