"""Training steps: what they change, at which rate, from which start."""

import math
from itertools import pairwise

import pytest
import torch

from bitprior_train.batches import Batches, latents, validation_latents
from bitprior_train.config import OptimiserConfig, TrainConfig
from bitprior_train.generators import MLPGenerator
from bitprior_train.initialisation import initialise
from bitprior_train.learner import Learner
from bitprior_train.optimisers import learning_rate
from builders.tiny_training import GEOMETRY, stripes, tiny_config


def tiny(bits: int = 4, **optimiser: object) -> TrainConfig:
    return tiny_config(bits, optimiser=optimiser)


def trained(learner: Learner, start: int, stop: int) -> list[float]:
    return [
        learner.step(stripes(), latents(4, 6, 0, step), step).total.item()
        for step in range(start, stop)
    ]


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 32])
def test_the_loss_falls(bits: int) -> None:
    learner = Learner(tiny(bits, steps=60), GEOMETRY)
    losses = trained(learner, 0, 60)
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])


@pytest.mark.parametrize("bits", [1, 4, 32])
def test_a_step_moves_every_parameter(bits: int) -> None:
    learner = Learner(tiny(bits), GEOMETRY)
    learner.theta_q()
    before = {n: t.clone() for n, t in learner.tensors().items()}
    trained(learner, 0, 2)
    after = learner.tensors()
    assert "log_beta" in before
    for name, tensor in before.items():
        assert not torch.equal(tensor, after[name]), name


@pytest.mark.parametrize("bits", [1, 4, 32])
def test_loading_continues_as_if_nothing_had_happened(bits: int) -> None:
    learner = Learner(tiny(bits), GEOMETRY)
    trained(learner, 0, 5)
    saved = {n: t.clone() for n, t in learner.tensors().items()}
    expected = trained(learner, 5, 9)
    again = Learner(tiny(bits), GEOMETRY)
    again.load(saved)
    assert trained(again, 5, 9) == expected


@pytest.mark.parametrize("bits", [1, 2, 4, 32])
def test_another_bit_width_can_start_from_the_float_weights(bits: int) -> None:
    source = Learner(tiny(32), GEOMETRY)
    trained(source, 0, 5)
    learner = Learner(tiny(bits), GEOMETRY)
    learner.start_from({n: t.clone() for n, t in source.tensors().items()})
    ours, theirs = learner.tensors(), source.tensors()
    for name in theirs:
        if not name.startswith("adam."):
            assert torch.equal(ours[name], theirs[name])
    assert not any(name.startswith("adam.") for name in ours)
    learner.theta_q()
    assert math.isfinite(trained(learner, 0, 1)[0])


def test_learned_scales_start_from_the_weights_they_are_given() -> None:
    source = Learner(tiny(32), GEOMETRY)
    for layer in source.generator.modules():
        if isinstance(layer, torch.nn.Linear):
            layer.weight.data *= 7
    learner = Learner(tiny(4), GEOMETRY)
    learner.start_from(source.tensors())
    theta_q = learner.theta_q()
    for name, weight in source.generator.named_parameters():
        if name.endswith("weight"):
            error = (theta_q[name] - weight).square().mean() / weight.square().mean()
            assert error < 0.02


def test_learned_scales_go_on_with_the_weights_that_were_trained_with_them() -> None:
    source = Learner(tiny(1), GEOMETRY)
    trained(source, 0, 20)
    for layer in source.generator.modules():
        if isinstance(layer, torch.nn.Linear):
            layer.weight.data *= 7  # signs, and so the quantised weights, are the same
    learner = Learner(tiny(1), GEOMETRY)
    learner.start_from(source.tensors(), scales=True)
    ours, theirs = learner.theta_q(), source.theta_q()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_the_networks_start_depends_on_the_seed_only() -> None:
    one, same = Learner(tiny(), GEOMETRY), Learner(tiny(), GEOMETRY)
    torch.manual_seed(123)
    other = Learner(
        tiny().model_copy(update={"run": tiny().run.model_copy(update={"seed": 1})}), GEOMETRY
    )
    weight = "generator.layers.0.weight"
    assert torch.equal(one.tensors()[weight], same.tensors()[weight])
    assert not torch.equal(one.tensors()[weight], other.tensors()[weight])


def test_starting_weights_keep_the_size_of_signals() -> None:
    network = MLPGenerator(400, (400, 400), (1, 20, 20))
    initialise(network, torch.Generator().manual_seed(0))
    signal = torch.randn(64, 400, generator=torch.Generator().manual_seed(1))
    size = signal.square().mean()
    hidden = network.layers[:-2](signal)  # before the last layer and its tanh
    assert 0.7 < hidden.square().mean() / size < 1.4
    assert all((b == 0).all() for n, b in network.named_parameters() if n.endswith("bias"))


def test_the_learning_rate_warms_up_and_falls_to_zero() -> None:
    config = OptimiserConfig(lr=0.1, steps=100, warmup=10)
    rates = [learning_rate(config, step) for step in range(101)]
    assert rates[0] == pytest.approx(0.01, rel=1e-3)
    assert all(a < b for a, b in pairwise(rates[:10]))
    assert all(a > b for a, b in pairwise(rates[10:]))
    assert rates[50] == pytest.approx(0.05)
    assert rates[100] == pytest.approx(0.0, abs=1e-12)


def test_a_constant_schedule_is_constant_after_its_warm_up() -> None:
    config = OptimiserConfig(lr=0.1, steps=100, schedule="constant", warmup=4)
    assert [learning_rate(config, s) for s in (1, 3, 99)] == pytest.approx([0.05, 0.1, 0.1])


def test_scales_learn_at_their_own_rate() -> None:
    moved = []
    for relative in (0.05, 0.5):
        learner = Learner(tiny(2, scale_lr=relative, schedule="constant"), GEOMETRY)
        learner.theta_q()
        name = next(n for n in learner.tensors() if "scaling_impl" in n)
        before = learner.tensors()[name].clone()
        trained(learner, 0, 1)
        moved.append((learner.tensors()[name] - before).abs().max().item())
    assert moved == pytest.approx([1e-2 * 0.05, 1e-2 * 0.5], rel=1e-2)  # Adam's first unit step


def test_the_sensing_network_learns_at_its_own_rate() -> None:
    learner = Learner(tiny(32, sensing_lr=0.25, schedule="constant"), GEOMETRY)
    before = {n: t.clone() for n, t in learner.tensors().items()}
    trained(learner, 0, 1)
    after = learner.tensors()
    for name, rate in (("generator.layers.2.weight", 1e-2), ("sensing.layers.2.weight", 2.5e-3)):
        moved = (after[name] - before[name]).abs().max().item()
        assert moved == pytest.approx(rate, rel=1e-2)  # Adam's first unit step


def numbered(count: int) -> Batches:
    stored = torch.arange(count, dtype=torch.uint8).reshape(count, 1, 1, 1).numpy()
    return Batches(stored, peak=1, batch=4, seed=0)


def test_an_epoch_shows_every_image_once_in_a_new_order() -> None:
    batches = numbered(12)
    epochs = [[int(v) for s in range(3) for v in batches[3 * e + s].flatten()] for e in range(2)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(12))
    assert epochs[0] != epochs[1] != list(range(12))


def test_an_incomplete_batch_is_left_out() -> None:
    batches = numbered(11)
    assert {len(batches[step]) for step in range(6)} == {4}
    assert len({int(v) for s in range(2) for v in batches[s].flatten()}) == 8


def test_batches_depend_on_the_step_and_not_on_what_came_before() -> None:
    batches, fresh = numbered(12), numbered(12)
    expected = [batches[step] for step in range(9)]
    assert torch.equal(fresh[7], expected[7])
    assert torch.equal(fresh[1], expected[1])


def test_batches_are_images_from_zero_to_one() -> None:
    stored = torch.full((4, 1, 2, 2), 16, dtype=torch.uint8).numpy()
    assert (Batches(stored, peak=16, batch=4, seed=0)[0] == 1).all()


def test_latents_are_unit_rows_of_their_own_seed_and_step() -> None:
    z = latents(5, 7, seed=1, step=2)
    torch.testing.assert_close(z.norm(dim=1), torch.ones(5))
    assert torch.equal(z, latents(5, 7, 1, 2))
    others = [latents(5, 7, 1, 3), latents(5, 7, 2, 2), validation_latents(5, 7, 1)]
    assert not any(torch.equal(z, other) for other in others)
