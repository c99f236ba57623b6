"""What training changes: θ, φ and log β with their two Adams, and one step of all of them."""

import math
from functools import partial

import torch
from torch import Tensor, nn
from torch.func import functional_call

from bitprior_runtime.errors import UsageError
from bitprior_train.algorithm import Gradients, Losses, Network, distilled, gradients, losses
from bitprior_train.architectures import make_generator, make_sensing, twin
from bitprior_train.batch_statistics import has_statistics, update_statistics
from bitprior_train.checkpoint import below
from bitprior_train.config import TrainConfig
from bitprior_train.conv_sensing import normalise_spectrally, plain_parameters
from bitprior_train.device import precision
from bitprior_train.distributed import Ranks
from bitprior_train.initialisation import initialise
from bitprior_train.optimisers import Optimisers
from bitprior_train.quantisers import quantised_parameters

_CPU, _ALONE = torch.device("cpu"), Ranks()


class Learner:
    """Generator, sensing network, step size and their optimisers.

    Batch norms use their running statistics in the unrolled steps, too, and see the batch's last
    latents z_T once a step. So the G that is trained is the G that recovers: with statistics of
    the batch, G would not notice the growth of z from |z0| = 1 to z_T, the gradient of one image
    would depend on the others in its batch, and a recovery of one image would be another function.

    Args:
        config: The run. Weights are drawn from ``config.run.seed``.
        geometry: (C, H, W) of the images.
        device: Where the networks lie.
        ranks: Who this process is among those that train the run. Each calls :meth:`step` with
            its share of the batch; after it, all have the same weights.

    Attributes:
        generator: Float shadow weights θ with their quantisers.
        sensing: The float sensing network A_φ.
        log_beta: Logarithm of the learned step size.
    """

    def __init__(
        self,
        config: TrainConfig,
        geometry: tuple[int, int, int],
        device: torch.device = _CPU,
        ranks: Ranks = _ALONE,
    ) -> None:
        self.config = config
        self._device, self._ranks = device, ranks
        model = config.model
        self.generator = make_generator(model, geometry, config.quantiser)
        self.sensing = make_sensing(model, geometry)
        random = torch.Generator().manual_seed(config.run.seed)
        for network in (self.generator, self.sensing):
            initialise(network, random)
        if model.sensing == "conv" and model.spectral_norm:
            with torch.random.fork_rng(devices=()):
                torch.manual_seed(config.run.seed)
                normalise_spectrally(self.sensing)
        self.sensing.eval()  # spectral norms change in training steps alone
        for network in (self.generator, self.sensing):
            network.to(device)
        self.log_beta = nn.Parameter(torch.tensor(math.log(config.inner.step_size), device=device))
        # The same networks without weights: called with θ_Q and with plain φ.
        self._twin = twin(make_generator(model, geometry))
        self._sensing_twin = twin(make_sensing(model, geometry))
        self._normalises = has_statistics(self._twin)
        self._geometry = geometry
        self._teacher: dict[str, Tensor] = {}
        self._make_optimisers()

    def _make_optimisers(self) -> None:
        named = {f"generator.{n}": p for n, p in self.generator.named_parameters()}
        self._theta = {**named, "log_beta": self.log_beta}
        self._phi = {f"sensing.{n}": p for n, p in self.sensing.named_parameters()}
        self._optimisers = Optimisers(self.config.optimiser, self._theta, self._phi)

    def theta_q(self) -> dict[str, Tensor]:
        """Return θ_Q = Q_b(θ), with graph, and the statistics of batch norms."""
        return quantised_parameters(self.generator)

    def network(self, theta_q: dict[str, Tensor]) -> Network:
        """Return G as a function of z alone, with the weights ``theta_q``."""
        return partial(_call, self._twin, theta_q)

    def plain_networks(self) -> tuple[nn.Module, nn.Module]:
        """Return copies of G with weights θ_Q and of A, of torch's own layers, in eval mode."""
        model = self.config.model
        generator = make_generator(model, self._geometry)
        generator.load_state_dict(self.theta_q())
        sensing = make_sensing(model, self._geometry)
        sensing.load_state_dict(plain_parameters(self.sensing))
        return (
            generator.requires_grad_(False).eval(),
            sensing.requires_grad_(False).eval(),
        )

    @property
    def beta(self) -> float:
        """The learned step size."""
        return math.exp(self.log_beta.item())

    def step(self, x: Tensor, z0: Tensor, step: int) -> Losses:
        """Take training step number ``step`` (from 0) on images x [B, C, H, W] in [0, 1]."""
        theta_q = self.theta_q()
        if step == 0:
            self.see(theta_q, z0)
        plain_phi = plain_parameters(self.sensing, iterate=True)
        last = _LastInput(self.network(theta_q))
        with precision(self.config.run, self._device):
            loss = self._losses(theta_q, plain_phi, last, x, z0)
        theta, phi = list(self._theta.values()), list(self._phi.values())
        config = self.config
        grads = gradients(loss, theta, phi, config.loss, joint=config.system.joint)
        loss, grads = self._averaged(loss, grads)
        self.see(theta_q, last.value)
        self._optimisers.step(grads, step)
        return loss

    def _losses(
        self,
        theta_q: dict[str, Tensor],
        plain_phi: dict[str, Tensor],
        last: "_LastInput",
        x: Tensor,
        z0: Tensor,
    ) -> Losses:
        config = self.config
        loss = losses(
            last,
            partial(_call, self._sensing_twin, plain_phi),
            x,
            z0,
            self.log_beta,
            config.model.sparsity,
            config.inner,
            config.loss,
            on_sphere=config.system.projection == "unit-sphere",
        )
        if self._teacher:
            teacher = self.network(self._teacher)
            weight = config.loss.distillation
            loss = distilled(loss, self.network(theta_q), teacher, last.value, weight)
        return loss

    def _averaged(self, loss: Losses, grads: Gradients) -> tuple[Losses, Gradients]:
        """Return losses and gradients of the whole batch, of which every process has a share."""
        if self._ranks.size == 1:
            return loss, grads
        theta, phi = len(grads[0]), len(grads[1])
        parts = [part for part in vars(loss).values() if part is not None]
        means = self._ranks.means([*grads[0], *grads[1], *parts])
        whole = means[:theta], means[theta : theta + phi]
        return Losses(*means[theta + phi :]), whole

    def see(self, theta_q: dict[str, Tensor], z: Tensor) -> None:
        """Let the generator's batch norms see latents."""
        if self._normalises:
            update_statistics(self.generator, self._twin, theta_q, z, self._ranks)

    def tensors(self) -> dict[str, Tensor]:
        """Return everything a step depends on, by name."""
        tensors = {f"generator.{n}": t for n, t in self.generator.state_dict().items()}
        tensors |= {f"sensing.{n}": t for n, t in self.sensing.state_dict().items()}
        tensors["log_beta"] = self.log_beta.detach()
        tensors |= {f"teacher.{n}": t for n, t in self._teacher.items()}
        return tensors | self._optimisers.tensors()

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Take over what :meth:`tensors` returned."""
        self._load_networks(tensors, strict=True)
        self._teacher = {n: t.to(self._device) for n, t in below("teacher.", tensors).items()}
        self._optimisers.load(tensors)

    def start_from(self, tensors: dict[str, Tensor], *, scales: bool = False) -> None:
        """Take over the weights and the step size of another run, of any bit width.

        With distillation its generator, float then, is also kept as it is, to be followed.

        Args:
            tensors: Its checkpoint.
            scales: Whether its quantiser is this run's, so that learned scales go on, too: weights
                that were trained with them mean little without.

        Raises:
            UsageError: Its networks have other shapes.
        """
        self._check_shapes(tensors)
        self._load_networks(tensors, strict=scales)
        if self.config.loss.distillation:
            wanted = self._twin.state_dict().keys()
            found = below("generator.", tensors)
            self._teacher = {n: t.clone().to(self._device) for n, t in found.items() if n in wanted}

    def _check_shapes(self, tensors: dict[str, Tensor]) -> None:
        own = {f"generator.{n}": t for n, t in self.generator.state_dict().items()}
        own |= {f"sensing.{n}": t for n, t in self.sensing.state_dict().items()}
        for name, tensor in own.items():
            # A quantiser's scale is this run's alone.
            if "weight_quant" in name:
                continue
            if name not in tensors or tensors[name].shape != tensor.shape:
                found = f"shape {tuple(tensors[name].shape)}" if name in tensors else "none"
                raise UsageError(
                    f"a run to start from with {name} of shape {tuple(tensor.shape)}",
                    found,
                    "choose another run, or set the keys of [model] alike",
                )

    def _load_networks(self, tensors: dict[str, Tensor], *, strict: bool) -> None:
        for prefix, network in (("generator.", self.generator), ("sensing.", self.sensing)):
            own = network.state_dict().keys() | (
                {n for n, _ in network.named_parameters()} if strict else set()
            )
            found = below(prefix, tensors)
            network.load_state_dict({n: t for n, t in found.items() if n in own}, strict=strict)
            network.to(self._device)
        with torch.no_grad():
            self.log_beta.copy_(tensors["log_beta"])
        self._make_optimisers()  # loading a brevitas layer replaces its scale parameter


class _LastInput:
    """G, remembering the latents of its last call."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.value = torch.empty(0)

    def __call__(self, z: Tensor) -> Tensor:
        self.value = z.detach()
        return self._network(z)


def _call(network: nn.Module, parameters: dict[str, Tensor], inputs: Tensor) -> Tensor:
    output: Tensor = functional_call(network, parameters, (inputs,))
    return output.to(torch.float32)  # of bfloat16 under autocast: losses are of 32 bits
