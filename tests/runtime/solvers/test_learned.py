import numpy as np
import pytest
import torch

from bitprior_runtime.errors import UsageError
from bitprior_runtime.model import load
from bitprior_runtime.sensing import Blocks
from bitprior_runtime.sensing.linear_estimate import LinearEstimate
from bitprior_runtime.solvers import learned as module
from bitprior_runtime.solvers.learned import LearnedOptions, LearnedSolution, learned
from bitprior_runtime.solvers.searching import Searching
from bitprior_train.photo.problem import make_problem
from bitprior_train.photo.search import Search
from builders.searching import (
    MEAN,
    TorchPrior,
    made_up_covariance,
    made_up_photos,
    schedule_of,
    tiny_networks,
)

FRAME, SIZE, M = (41, 36), 16, 60
NETWORKS = tiny_networks()
COVARIANCE = made_up_covariance()
MATRIX = np.random.default_rng(2).standard_normal((M, SIZE * SIZE)) / SIZE
PHOTOS = made_up_photos(3, *FRAME, seed=7)
TRAINED = 4


def measured(noise: float = 0.0) -> tuple[LinearEstimate, np.ndarray]:
    linear = LinearEstimate(Blocks(MATRIX, SIZE, FRAME), COVARIANCE, noise)
    y = linear.operator.forward(PHOTOS)
    return linear, y + noise * np.random.default_rng(3).standard_normal(y.shape, np.float32)


def solved(noise: float = 0.0, **options: float | None) -> LearnedSolution:
    linear, y = measured(noise)
    prior = TorchPrior(NETWORKS, FRAME)
    return learned(prior, schedule_of(NETWORKS), MEAN, linear, y, LearnedOptions(**options))


def psnr(images: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean((images - PHOTOS) ** 2)))


@pytest.mark.parametrize("noise", [0.0, 0.05])
@pytest.mark.parametrize("steps", [1, 3, 4])
def test_it_is_the_search_that_was_trained(steps: int, noise: float) -> None:
    linear, y = measured(noise)
    matrix = linear.operator.matrix.astype(np.float64)
    problem = make_problem(matrix, SIZE, FRAME, noise, COVARIANCE)
    whole = torch.from_numpy(y).reshape(len(y), -1, M)
    with torch.no_grad():
        wanted = Search(NETWORKS, torch.float32).run(problem, whole, steps)
    found = solved(noise, steps=steps)
    inside = np.s_[..., : FRAME[0], : FRAME[1]]
    np.testing.assert_allclose(found.image, wanted.image.clamp(0, 1)[inside], atol=1e-4)
    np.testing.assert_allclose(found.start, wanted.start.clamp(0, 1)[inside], atol=1e-4)
    assert (found.steps == steps).all()
    assert found.history.shape == (steps + 1, len(PHOTOS))


def test_the_history_is_the_loss_of_the_latents_along_the_way() -> None:
    linear, y = measured()
    ends = [solved(steps=steps) for steps in range(1, 5)]
    prior = TorchPrior(NETWORKS, FRAME)
    for steps, end in enumerate(ends, start=1):
        residual = y - linear.operator.forward(prior.generate(end.latent))
        np.testing.assert_allclose(ends[-1].history[steps], (residual**2).sum(axis=1), rtol=1e-3)
        np.testing.assert_array_equal(end.loss, end.history[-1])


def test_without_steps_given_it_takes_those_that_were_trained() -> None:
    np.testing.assert_array_equal(solved().image, solved(steps=TRAINED).image)


def test_more_steps_than_trained_lower_the_loss_and_end_by_themselves() -> None:
    few, many = solved(), solved(steps=400)
    tail = many.history[TRAINED:]
    assert (np.diff(tail, axis=0) <= 0).all()
    assert (many.loss < 0.2 * few.loss).all()
    assert (many.steps > TRAINED).all()
    assert many.steps.max() < 400
    assert psnr(many.image) > psnr(few.image) - 0.05
    linear, y = measured()
    residual = y - linear.operator.forward(TorchPrior(NETWORKS, FRAME).generate(many.latent))
    np.testing.assert_allclose(many.loss, (residual**2).sum(axis=1), rtol=1e-3)


def test_more_steps_than_trained_do_not_fit_the_noise() -> None:
    noise = 0.2
    few, many = solved(noise), solved(noise, steps=100)
    linear, _ = measured(noise)
    floor = noise**2 * linear.operator.size
    ran = many.steps > TRAINED
    assert (many.loss[ran] >= 2 * floor).all()
    assert psnr(many.image) > psnr(few.image) - 0.05


def test_a_tolerance_ends_the_further_steps() -> None:
    schedule = schedule_of(NETWORKS)
    schedule.step_size[:] *= 0.15
    linear, y = measured()
    prior = TorchPrior(NETWORKS, FRAME)
    taken = [
        learned(prior, schedule, MEAN, linear, y, LearnedOptions(400, tolerance)).steps.max()
        for tolerance in (0.5, 0.0)
    ]
    assert TRAINED < taken[0] < taken[1] < 400


def test_steps_that_lead_nowhere_leave_the_start() -> None:
    schedule = schedule_of(NETWORKS)
    schedule.step_size[:] = 1e20
    linear, y = measured()
    prior = TorchPrior(NETWORKS, FRAME)
    found = learned(prior, schedule, MEAN, linear, y, LearnedOptions())
    assert np.isfinite(found.image).all()
    np.testing.assert_array_equal(np.clip(prior.generate(found.latent), 0, 1), found.start)
    assert psnr(found.image) > 10


def test_steps_that_end_far_above_the_start_leave_the_start() -> None:
    linear, y = measured()
    prior = TorchPrior(NETWORKS, FRAME)
    gray = linear.operator.forward(np.full((1, 1, *FRAME), MEAN, np.float32))
    without_photo = ((y - gray) ** 2).sum(axis=1)
    seen = 0
    for longer in (2, 3, 5, 8, 12, 20, 40):
        schedule = schedule_of(NETWORKS)
        schedule.step_size[:] *= longer
        found = learned(prior, schedule, MEAN, linear, y, LearnedOptions())
        again = LearnedOptions(TRAINED - 1)
        before = learned(prior, schedule, MEAN, linear, y, again).history
        assert (found.loss <= 2 * found.history[0] * (1 + 1e-6)).all()
        taken_back = found.loss == found.history[0]
        seen += int((taken_back & (before[-1] < without_photo)).sum())
    assert seen > 0, "one that a gray image would not have told"


@pytest.mark.parametrize(("m", "noise", "believed"), [(256, 1e-3, True), (60, 1e-3, False)])
def test_measurements_that_leave_nothing_open_are_believed(
    m: int, noise: float, believed: bool
) -> None:
    rows = np.linalg.qr(np.random.default_rng(0).standard_normal((SIZE**2, SIZE**2)))[0][:m]
    covariance = load("photo-4bit").bundle.search.covariance
    linear = LinearEstimate(Blocks(rows, SIZE, FRAME), covariance, noise)
    y = linear.operator.forward(PHOTOS)
    schedule = schedule_of(NETWORKS)
    schedule.correction[:] = [0.5, 0, 0]
    search = Searching(TorchPrior(NETWORKS, FRAME), schedule, MEAN, linear, y)
    gray = np.full_like(PHOTOS, MEAN)
    residual = y - linear.operator.forward(gray)
    weight = 1.0 if believed else 0.5
    wanted = np.clip(gray + np.float32(weight) * linear.estimate(residual), 0, 1)
    np.testing.assert_allclose(search.corrected(gray, residual), wanted, atol=1e-6)
    assert (linear.features[1] < -3.5) == believed


def test_rows_that_run_in_parts_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, calls = solved(steps=20), []
    monkeypatch.setattr(module, "MAX_STATE_BYTES", 1)
    linear, y = measured()
    prior = TorchPrior(NETWORKS, FRAME)
    parts = learned(prior, schedule_of(NETWORKS), MEAN, linear, y, LearnedOptions(20),
                    lambda step, steps: calls.append((step, steps)))  # fmt: skip
    np.testing.assert_allclose(parts.image, whole.image, atol=1e-4)
    assert calls[-1][1] == 60
    assert [step for step, _ in calls] == sorted(step for step, _ in calls)


def test_the_time_it_may_take_ends_it() -> None:
    found = solved(steps=400, max_seconds=1e-6)
    assert (found.steps == 1).all()


def test_the_start_is_the_linear_estimate_seen_by_the_learned_start() -> None:
    linear, y = measured()
    prior = TorchPrior(NETWORKS, FRAME)
    z0 = Searching(prior, schedule_of(NETWORKS), MEAN, linear, y).start()
    problem = make_problem(linear.operator.matrix.astype(float), SIZE, FRAME, 0.0, COVARIANCE)
    with torch.no_grad():
        wanted = prior.search.start(problem, torch.from_numpy(y).reshape(len(y), -1, M))
    np.testing.assert_allclose(z0, wanted.flatten(1), atol=1e-4)


@pytest.mark.parametrize("bad", [{"steps": 0}, {"tolerance": 1.0}, {"max_seconds": 0.0}])
def test_options_out_of_range_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        LearnedOptions(**bad)
