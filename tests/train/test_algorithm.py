"""Algorithm 1: who learns from what, and to which order."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from bitprior_train.algorithm import Losses, distilled, gradients, losses
from bitprior_train.config import InnerConfig, LossConfig
from bitprior_train.generators import MLPGenerator
from bitprior_train.reference import unit_normal
from bitprior_train.sensing import MLPSensing

GEOMETRY = (1, 3, 4)
LOSS = LossConfig(measurement=0.7, s_rec=1.3, gradient_difference=0.4)


class Setting:
    """Tiny networks in float64, smooth enough to be differentiated numerically."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.generator = MLPGenerator(6, (8,), GEOMETRY).double()
        self.sensing = MLPSensing(GEOMETRY, (8,), 5).double()
        for parameter in [*self.generator.parameters(), *self.sensing.parameters()]:
            parameter.data *= 2  # so that the inner steps move z by enough to matter
        random = torch.Generator().manual_seed(1)
        self.x = torch.rand(4, *GEOMETRY, generator=random, dtype=torch.float64)
        self.z0 = unit_normal(4, 6, random).double()
        self.log_beta = torch.tensor(-2.0, dtype=torch.float64, requires_grad=True)

    @property
    def theta(self) -> list[Tensor]:
        return [*self.generator.parameters(), self.log_beta]

    @property
    def phi(self) -> list[Tensor]:
        return list(self.sensing.parameters())

    def losses(
        self,
        loss: LossConfig = LOSS,
        steps: int = 3,
        order: str = "second",
        on_sphere: bool = False,
    ) -> Losses:
        inner = InnerConfig.model_validate({"steps": steps, "order": order})
        return losses(
            self.generator,
            self.sensing,
            self.x,
            self.z0,
            self.log_beta,
            4,
            inner,
            loss,
            on_sphere=on_sphere,
        )

    def numeric(self, parameter: Tensor, value: Callable[[], Tensor]) -> Tensor:
        """Differentiate ``value`` by central differences in every entry of ``parameter``."""
        gradient, h = torch.zeros_like(parameter), 1e-6
        flat, out = parameter.data.view(-1), gradient.view(-1)
        for i in range(len(flat)):
            flat[i] += h
            plus = value().item()
            flat[i] -= 2 * h
            out[i] = (plus - value().item()) / (2 * h)
            flat[i] += h
        return gradient


def test_theta_follows_the_total_derivative_of_the_whole_loss() -> None:
    setting = Setting()
    ours, _ = gradients(setting.losses(), setting.theta, setting.phi, LOSS)
    for parameter, gradient in zip(setting.theta, ours, strict=True):
        expected = setting.numeric(parameter, lambda: setting.losses().total)
        torch.testing.assert_close(gradient, expected, rtol=1e-5, atol=1e-6)


def test_phi_follows_the_total_derivative_of_s_rec_alone() -> None:
    setting = Setting()
    _, ours = gradients(setting.losses(), setting.theta, setting.phi, LOSS)
    for parameter, gradient in zip(setting.phi, ours, strict=True):
        expected = setting.numeric(parameter, lambda: LOSS.s_rec * setting.losses().s_rec)
        torch.testing.assert_close(gradient, expected, rtol=1e-5, atol=1e-6)


def test_in_joint_training_on_the_sphere_all_follow_the_whole_loss() -> None:
    setting = Setting()

    def total() -> Tensor:
        return setting.losses(on_sphere=True).total

    found = gradients(setting.losses(on_sphere=True), setting.theta, setting.phi, LOSS, joint=True)
    for parameters, ours in zip((setting.theta, setting.phi), found, strict=True):
        for parameter, gradient in zip(parameters, ours, strict=True):
            expected = setting.numeric(parameter, total)
            torch.testing.assert_close(gradient, expected, rtol=1e-5, atol=1e-6)


def test_on_the_sphere_every_latent_that_the_generator_sees_has_length_one() -> None:
    setting, seen = Setting(), []
    plain = setting.generator.forward
    setting.generator.forward = lambda z: (seen.append(z.detach().norm(dim=1)), plain(z))[1]  # type: ignore[method-assign, func-returns-value]
    setting.z0 = 3 * setting.z0
    setting.losses(on_sphere=True)
    assert len(seen) == 4
    for norms in seen:
        torch.testing.assert_close(norms, torch.ones_like(norms))


def test_without_phi_only_theta_has_gradients() -> None:
    setting = Setting()
    with_phi, _ = gradients(setting.losses(), setting.theta, setting.phi, LOSS)
    ours, none = gradients(setting.losses(), setting.theta, [], LOSS)
    assert none == ()
    for a, b in zip(ours, with_phi, strict=True):
        torch.testing.assert_close(a, b)


def test_distillation_adds_the_distance_to_the_teachers_images() -> None:
    setting, loss = Setting(), Setting().losses()
    z = setting.z0
    with_it = distilled(loss, setting.generator, lambda z: setting.generator(z) + 0.1, z, 0.5)
    assert with_it.distillation is not None
    # 12 pixels, off by 0.1 in [0, 1], which is 0.2 in [-1, 1].
    assert with_it.distillation.item() == pytest.approx(12 * 0.2**2)
    assert with_it.total.item() == pytest.approx(loss.total.item() + 0.5 * 12 * 0.2**2)


def test_phi_does_not_hear_of_the_other_losses() -> None:
    setting = Setting()
    _, both = gradients(setting.losses(), setting.theta, setting.phi, LOSS)
    louder = LOSS.model_copy(update={"measurement": 50.0, "gradient_difference": 50.0})
    _, again = gradients(setting.losses(louder), setting.theta, setting.phi, louder)
    for a, b in zip(both, again, strict=True):
        assert torch.equal(a, b)


def test_the_total_is_the_weighted_sum() -> None:
    loss = Setting().losses()
    expected = 0.7 * loss.measurement + 1.3 * loss.s_rec + 0.4 * loss.gradient_difference
    torch.testing.assert_close(loss.total, expected)


def test_first_order_has_the_same_losses_and_other_gradients() -> None:
    setting = Setting()
    first, second = setting.losses(order="first"), setting.losses(order="second")
    assert first.total.item() == pytest.approx(second.total.item(), rel=1e-12)
    ours, _ = gradients(first, setting.theta, setting.phi, LOSS)
    theirs, _ = gradients(second, setting.theta, setting.phi, LOSS)
    difference = sum(float((a - b).square().sum()) for a, b in zip(ours, theirs, strict=True))
    assert difference > 1e-3 * sum(float(b.square().sum()) for b in theirs)


def test_first_order_takes_the_inner_gradients_as_constants() -> None:
    """With one step, d z_1 / d theta is zero, so only G's last call counts."""
    setting = Setting()
    ours, _ = gradients(setting.losses(steps=1, order="first"), setting.theta, setting.phi, LOSS)
    z_1 = _recovered(setting)

    def frozen() -> Tensor:
        x_1, x_0 = setting.generator(z_1), setting.generator(setting.z0)
        return _by_hand(setting, x_1, x_0)

    for parameter, gradient in zip(setting.theta[:-1], ours[:-1], strict=True):
        torch.testing.assert_close(
            gradient, setting.numeric(parameter, frozen), rtol=1e-5, atol=1e-6
        )


def _recovered(setting: Setting) -> Tensor:
    from bitprior_train.reference import proximal

    y = setting.sensing(setting.x).detach()
    beta = setting.log_beta.exp().item()
    latents, _ = proximal(
        setting.generator, setting.sensing, y, setting.z0, beta=beta, s=4, steps=1
    )
    return latents[-1]


def _by_hand(setting: Setting, x_1: Tensor, x_0: Tensor) -> Tensor:
    from bitprior_train.losses import gradient_difference_loss, measurement_loss, s_rec

    y, y_1, y_0 = (setting.sensing(i) for i in (setting.x, x_1, x_0))
    u, u_1, u_0 = (2 * i - 1 for i in (setting.x, x_1, x_0))
    isometry = (
        s_rec(u_1, u_0, y_1, y_0, LOSS) + s_rec(u_1, u, y_1, y, LOSS) + s_rec(u_0, u, y_0, y, LOSS)
    ) / 3
    return 0.7 * measurement_loss(y, y_1) + 1.3 * isometry + 0.4 * gradient_difference_loss(u, u_1)


def test_the_losses_are_those_of_the_reference_recovery() -> None:
    setting = Setting()
    x_1 = setting.generator(_recovered(setting))
    expected = _by_hand(setting, x_1, setting.generator(setting.z0))
    torch.testing.assert_close(setting.losses(steps=1).total, expected)
