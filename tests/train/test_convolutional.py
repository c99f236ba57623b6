"""The DCGAN generator, its sensing network, batch norms and spectral norms in training."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils import parametrize

from bitprior_runtime.errors import UsageError
from bitprior_train.architectures import make_generator, make_sensing, twin
from bitprior_train.batch_statistics import update_statistics
from bitprior_train.batches import latents, validation_latents
from bitprior_train.config import ModelConfig, QuantiserConfig, TrainConfig
from bitprior_train.conv_sensing import ConvSensing, normalise_spectrally, plain_parameters
from bitprior_train.dcgan import DCGANGenerator
from bitprior_train.initialisation import initialise
from bitprior_train.learner import Learner
from bitprior_train.quantisers import quantised_parameters, zero_fractions
from bitprior_train.reference import value_and_grad
from bitprior_train.settings import validate
from bitprior_train.validation import recovery_psnr

GEOMETRY = (3, 32, 32)


def tiny(bits: int = 4, order: str = "first", **model: object) -> TrainConfig:
    return validate(
        {
            "data": {"name": "cifar10", "validation": 200},
            "model": {
                "generator": "dcgan",
                "sensing": "conv",
                "latent": 6,
                "filters": 4,
                "sensing_width": 0.0625,
                "measurements": 5,
                "sparsity": 4,
                **model,
            },
            "quantiser": {"bits": bits},
            "inner": {"order": order},
            "optimiser": {"lr": 5e-3, "batch": 4, "steps": 20, "schedule": "constant"},
        }
    )


def images() -> Tensor:
    """Images of one colour each, brighter at the top."""
    colours = torch.eye(3).repeat(2, 1)[:4].reshape(4, 3, 1, 1)
    return (0.2 + 0.6 * colours) * torch.linspace(1, 0.5, 32).reshape(1, 1, 32, 1).expand(
        4, 3, 32, 32
    )


def trained(learner: Learner, start: int, stop: int) -> list[float]:
    return [
        learner.step(images(), latents(4, 6, 0, step), step).total.item()
        for step in range(start, stop)
    ]


def batch_norms(network: nn.Module) -> list[nn.BatchNorm2d]:
    return [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]


def test_the_dcgan_of_the_paper_has_its_number_of_parameters() -> None:
    generator = DCGANGenerator(100, 64, GEOMETRY)
    sizes = {n: p.numel() for n, p in generator.named_parameters()}
    weights = [f"layers.{index}.weight" for index in (0, 3, 6, 9)]
    assert sum(sizes.pop(name) for name in weights) == 1_068_032
    assert sum(sizes.values()) == 896
    assert generator(torch.zeros(2, 100)).shape == (2, *GEOMETRY)


@pytest.mark.parametrize("bits", [1, 4])
def test_every_weight_of_a_quantised_dcgan_is_quantised(bits: int) -> None:
    model = ModelConfig(generator="dcgan", latent=6, filters=4, sparsity=5)
    for granularity, scales in (("channel", 1), ("tensor", 0)):
        quantiser = QuantiserConfig.model_validate({"bits": bits, "granularity": granularity})
        generator = make_generator(model, GEOMETRY, quantiser)
        theta_q = quantised_parameters(generator)
        for index, channels in ((0, 16), (3, 8), (6, 4), (9, 3)):
            weight = theta_q[f"layers.{index}.weight"].detach()
            each = (
                weight.transpose(0, 1).reshape(channels, -1) if scales else weight.flatten()[None]
            )
            assert max(len(row.unique()) for row in each) <= 2**bits
            assert len(weight.unique()) > (2**bits if scales else 1)


@pytest.mark.parametrize("granularity", ["channel", "tensor"])
@pytest.mark.parametrize("bits", [1, 2, 3, 4, 32])
def test_the_twin_gives_what_the_quantised_dcgan_gives(bits: int, granularity: str) -> None:
    model = tiny().model
    quantiser = QuantiserConfig.model_validate({"bits": bits, "granularity": granularity})
    module = make_generator(model, GEOMETRY, quantiser)
    initialise(module, torch.Generator().manual_seed(0))
    plain = twin(make_generator(model, GEOMETRY))
    z = torch.randn(5, 6, generator=torch.Generator().manual_seed(1))
    theta_q = quantised_parameters(module)
    update_statistics(module, plain, theta_q, z)
    assert theta_q.keys() == plain.state_dict().keys()
    expected = module.eval()(z)
    torch.testing.assert_close(functional_call(plain, theta_q, (z,)), expected)
    assert 0.05 < expected.std() < 0.45  # neither faded nor saturated


def test_zero_fractions_are_those_of_quantised_weights() -> None:
    generator = make_generator(tiny().model, GEOMETRY, QuantiserConfig(bits=2))
    assert [*zero_fractions(quantised_parameters(generator))] == [
        f"layers.{index}.weight" for index in (0, 3, 6, 9)
    ]


def test_statistics_are_those_of_the_batch_first_and_a_moving_mean_later() -> None:
    network = nn.Sequential(nn.Conv2d(2, 3, 1, bias=False), nn.BatchNorm2d(3))
    plain = twin(nn.Sequential(nn.Conv2d(2, 3, 1, bias=False), nn.BatchNorm2d(3)))
    norm = batch_norms(network)[0]
    random = torch.Generator().manual_seed(0)
    seen = []
    before = norm.running_mean.clone()
    for count in range(1, 15):
        x = torch.randn(8, 2, 3, 3, generator=random)
        parameters = dict(network.named_parameters()) | dict(network.named_buffers())
        update_statistics(network, plain, parameters, x)
        seen.append(network[0](x).mean((0, 2, 3)).detach())
        if count <= 10:
            torch.testing.assert_close(norm.running_mean, torch.stack(seen).mean(0))
        else:
            torch.testing.assert_close(norm.running_mean, 0.9 * before + 0.1 * seen[-1])
        before = norm.running_mean.clone()
    assert int(norm.num_batches_tracked) == 14
    assert not plain.training


@pytest.mark.parametrize("bits", [1, 4, 32])
def test_a_step_updates_statistics_once_and_everything_else(bits: int) -> None:
    learner = Learner(tiny(bits), GEOMETRY)
    learner.theta_q()
    before = {n: t.clone() for n, t in learner.tensors().items()}
    trained(learner, 0, 1)
    counts = [int(norm.num_batches_tracked) for norm in batch_norms(learner.generator)]
    assert counts == [2, 2, 2]  # the start, z0, and the first step's z_T
    trained(learner, 1, 3)
    counts = [int(norm.num_batches_tracked) for norm in batch_norms(learner.generator)]
    assert counts == [4, 4, 4]
    after = learner.tensors()
    for name, tensor in before.items():
        assert not torch.equal(tensor, after[name]), name


@pytest.mark.parametrize("order", ["first", "second"])
@pytest.mark.parametrize("bits", [1, 4, 32])
def test_the_loss_falls(bits: int, order: str) -> None:
    learner = Learner(tiny(bits, order), GEOMETRY)
    losses = trained(learner, 0, 20)
    assert sum(losses[-4:]) < 0.7 * sum(losses[:4])


@pytest.mark.parametrize("spectral_norm", [True, False])
def test_loading_continues_as_if_nothing_had_happened(spectral_norm: bool) -> None:
    config = tiny(spectral_norm=spectral_norm)
    learner = Learner(config, GEOMETRY)
    trained(learner, 0, 3)
    saved = {n: t.clone() for n, t in learner.tensors().items()}
    expected = trained(learner, 3, 6)
    again = Learner(config, GEOMETRY)
    again.load(saved)
    assert trained(again, 3, 6) == expected


def test_validating_changes_nothing() -> None:
    learner = Learner(tiny(), GEOMETRY)
    trained(learner, 0, 2)
    before = {n: t.clone() for n, t in learner.tensors().items()}
    theta_q = {n: t.detach() for n, t in learner.theta_q().items()}
    recovery_psnr(
        learner.network(theta_q), learner.sensing, images(), validation_latents(4, 6, 0),
        beta=learner.beta, s=4, steps=(2,),
    )  # fmt: skip
    learner.plain_networks()
    after = learner.tensors()
    assert all(torch.equal(t, after[n]) for n, t in before.items())


def test_the_trained_generator_is_the_one_that_recovers() -> None:
    """In training, too, an image's gradient does not depend on the others in its batch."""
    learner = Learner(tiny(), GEOMETRY)
    trained(learner, 0, 3)
    generator, sensing = learner.plain_networks()
    z, y = latents(4, 6, 0, 7), sensing(images())
    theirs = value_and_grad(generator, sensing, z, y)
    ours = value_and_grad(learner.network(learner.theta_q()), learner.sensing, z, y)
    alone = value_and_grad(learner.network(learner.theta_q()), learner.sensing, z[:1], y[:1])
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(alone[1], ours[1][:1], rtol=1e-4, atol=1e-6)
    assert not generator.training
    assert not any(p.requires_grad for p in generator.parameters())


def test_the_start_depends_on_the_seed_only() -> None:
    one = Learner(tiny(), GEOMETRY).tensors()
    torch.manual_seed(123)
    state = torch.random.get_rng_state()
    same = Learner(tiny(), GEOMETRY).tensors()
    torch.random.set_rng_state(state)
    for name, tensor in one.items():
        assert torch.equal(tensor, same[name]), name


def test_another_bit_width_starts_from_the_weights_and_statistics() -> None:
    source = Learner(tiny(32), GEOMETRY)
    trained(source, 0, 2)
    learner = Learner(tiny(2), GEOMETRY)
    learner.start_from({n: t.clone() for n, t in source.tensors().items()})
    ours = learner.tensors()
    for name, tensor in source.tensors().items():
        if not name.startswith("adam."):
            assert torch.equal(ours[name], tensor), name


@pytest.mark.parametrize("changed", [{"filters": 5}, {"spectral_norm": False}, {"sensing": "mlp"}])
def test_networks_of_other_shapes_are_no_start(changed: dict[str, Any]) -> None:
    source = Learner(tiny(32), GEOMETRY).tensors()
    with pytest.raises(UsageError, match=r"\[model\]"):
        Learner(tiny(2, **changed), GEOMETRY).start_from(source)


def test_the_sensing_network_is_the_one_of_the_paper() -> None:
    network = ConvSensing(GEOMETRY, 1.0, 25)
    convolutions = [m for m in network.layers if isinstance(m, nn.Conv2d)]
    assert [m.out_channels for m in convolutions] == [64, 64, 128, 128, 256, 256, 512]
    assert [m.kernel_size[0] for m in convolutions] == [3, 4, 3, 4, 3, 4, 3]
    sides = []
    for layer in convolutions:
        layer.register_forward_hook(lambda _, __, out: sides.append(out.shape[2]))
    assert network(torch.rand(2, *GEOMETRY)).shape == (2, 25)
    assert sides == [32, 16, 16, 8, 8, 4, 4]
    assert network.layers[-1].in_features == 8192
    assert [m.negative_slope for m in network.layers if isinstance(m, nn.LeakyReLU)] == [0.1] * 7


def test_plain_weights_have_a_spectral_norm_of_one() -> None:
    network = make_sensing(tiny().model, GEOMETRY)
    initialise(network, torch.Generator().manual_seed(0))
    plain = {n: p.detach().clone() for n, p in network.named_parameters()}
    torch.manual_seed(0)
    normalise_spectrally(network)
    network.eval()
    assert all(
        parametrize.is_parametrized(m)
        for m in network.modules()
        if isinstance(m, nn.Conv2d | nn.Linear)
    )
    for _ in range(30):
        parameters = plain_parameters(network, iterate=True)
    assert parameters.keys() == plain.keys()
    for name, weight in parameters.items():
        if weight.ndim > 1:
            norm = torch.linalg.matrix_norm(plain[name].flatten(1), 2)
            torch.testing.assert_close(weight, plain[name] / norm, rtol=2e-2, atol=1e-4)
    x = torch.rand(2, *GEOMETRY)
    same = make_sensing(tiny().model, GEOMETRY)
    same.load_state_dict(parameters)
    torch.testing.assert_close(network(x), same(x))


def test_norms_are_refined_only_when_asked() -> None:
    network = make_sensing(tiny().model, GEOMETRY)
    normalise_spectrally(network)
    network.eval()
    buffers = {n: b.clone() for n, b in network.named_buffers()}
    plain_parameters(network)
    assert all(torch.equal(b, buffers[n]) for n, b in network.named_buffers())
    plain_parameters(network, iterate=True)
    assert not all(torch.equal(b, buffers[n]) for n, b in network.named_buffers())
    assert not any(layer.training for layer in network.modules())


@pytest.mark.parametrize(
    ("model", "geometry", "match"),
    [
        ({"generator": "dcgan"}, (1, 28, 28), "32 x 32"),
        ({"generator": "dcgan"}, (1, 32, 64), "64 x 64"),
        ({"sensing": "conv"}, (1, 28, 28), "multiples of 8"),
        ({"sensing": "conv", "sensing_width": 0.001}, GEOMETRY, "sensing_width"),
    ],
)
def test_images_of_the_wrong_size_are_refused(
    model: dict[str, Any], geometry: tuple[int, int, int], match: str
) -> None:
    config = ModelConfig(latent=6, sparsity=5, **model)
    make = make_generator if "generator" in model else make_sensing
    with pytest.raises(UsageError, match=match):
        make(config, geometry)


def test_configurations_from_before_there_were_convolutions_are_perceptrons() -> None:
    config = validate({"data": {"name": "mnist"}, "model": {"hidden": [5], "latent": 100}})
    assert (config.model.generator, config.model.sensing) == ("mlp", "mlp")


@pytest.mark.parametrize(
    ("side", "weights", "others"), [(32, 1_068_032, 896), (64, 3_574_784, 1_920)]
)
def test_the_dcgan_of_full_width_has_the_size_of_the_literature(
    side: int, weights: int, others: int
) -> None:
    with torch.device("meta"):
        made = DCGANGenerator(100, 64, (3, side, side))
    counts = {p.ndim: 0 for p in made.parameters()}
    for parameter in made.parameters():
        counts[parameter.ndim] += parameter.numel()
    assert counts == {4: weights, 1: others}
    assert made(torch.empty(2, 100, device="meta")).shape == (2, 3, side, side)


def test_the_perceptron_has_the_size_of_the_literature() -> None:
    with torch.device("meta"):
        made = make_generator(ModelConfig(), (1, 28, 28))
    assert sum(p.numel() for p in made.parameters() if p.ndim == 2) == 692_000
    assert sum(p.numel() for p in made.parameters() if p.ndim == 1) == 1_784


def test_a_dcgan_of_64_pixels_trains() -> None:
    config = tiny(2)
    learner = Learner(config, (3, 64, 64))
    x = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    first = learner.theta_q()["layers.0.weight"].detach().clone()
    loss = learner.step(x, latents(4, 6, 0, 0), 0)
    assert torch.isfinite(loss.total)
    assert not torch.equal(first, learner.theta_q()["layers.0.weight"])
