"""The training loop of a prior: steps, logs, sample sheets and checkpoints in a run's folder."""

import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from bitprior_runtime.errors import CheckFailedError
from bitprior_train.architectures import FLOAT
from bitprior_train.batches import Batches
from bitprior_train.checkpoint import below, load_checkpoint, save_checkpoint
from bitprior_train.data import Dataset
from bitprior_train.priors.config import PriorConfig
from bitprior_train.priors.finish import finish_prior
from bitprior_train.priors.methods import METHODS, Following, Method
from bitprior_train.priors.networks import draw_weights, latent_size, make_judge, make_prior
from bitprior_train.run_folder import begin_run, continue_run
from bitprior_train.runlog import RunLog

_STEP, _WEIGHTS = 11, 12  # one independent stream of random numbers each
_FLOAT = 32


@dataclass(frozen=True)
class PriorResult:
    """Outcome of a run.

    Attributes:
        folder: The run's folder.
        steps: Training steps done.
        losses: Those of the last step, by name.
        seconds: Duration of this call.
    """

    folder: Path
    steps: int
    losses: dict[str, float]
    seconds: float


def make_method(config: PriorConfig, geometry: tuple[int, int, int]) -> Method:
    """Return a run's method with fresh weights.

    A low-bit generator follows a float one (see :class:`~bitprior_train.priors.methods.Following`).
    """
    random = torch.Generator().manual_seed(config.run.seed + _WEIGHTS)
    model, bits = config.model, config.quantiser.bits
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(config.run.seed)
        generator = make_prior(model, geometry, config.quantiser)
        if bits == _FLOAT:
            judge: nn.Module = make_judge(model, geometry)
        else:
            judge = make_prior(model, geometry, FLOAT)
    for network in (generator, judge):
        draw_weights(network, model.kind, random)
    if bits != _FLOAT:
        return Following(config, generator, judge.eval().requires_grad_(False))
    return METHODS[model.kind](config, generator, judge)


def tensors(method: Method) -> dict[str, Tensor]:
    """Return everything that a step depends on, by name."""
    found = {f"generator.{n}": t for n, t in method.generator.state_dict().items()}
    found |= {f"judge.{n}": t for n, t in method.judge.state_dict().items()}
    found |= {f"state.{n}": t for n, t in method.state().items()}
    for name, adam in method.adams.items():
        for index, values in adam.state_dict()["state"].items():
            found |= {f"adam.{name}.{index}.{key}": value for key, value in values.items()}
    return found


def load_tensors(method: Method, found: dict[str, Tensor]) -> None:
    """Take over what :func:`tensors` returned."""
    method.generator.load_state_dict(below("generator.", found))
    method.judge.load_state_dict(below("judge.", found))
    method.load_state(below("state.", found))
    # Loading a brevitas layer replaces its scale parameter: optimisers are made anew.
    fresh = type(method)(method.config, method.generator, method.judge)
    method.adams = fresh.adams
    for name, adam in method.adams.items():
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in below(f"adam.{name}.", found).items():
            index, moment = key.split(".")
            state.setdefault(int(index), {})[moment] = value
        adam.load_state_dict({"state": state, "param_groups": adam.state_dict()["param_groups"]})


def start_prior(
    config: PriorConfig, data: Dataset, folder: Path, init_from: Path | None = None
) -> None:
    """Make a run's folder with its configuration and its checkpoint of step 0.

    Args:
        config: The run.
        data: Its images.
        folder: Where; made if missing.
        init_from: A finished float run: whose generator to follow, or to go on with.

    Raises:
        UsageError: Another process has begun a run there, or is about to.
    """
    method = make_method(config, data.geometry)
    if init_from:
        generator = below("generator.", load_checkpoint(init_from)[0])
        follows = isinstance(method, Following)
        method.generator.load_state_dict(generator, strict=not follows)
        if follows:
            method.judge.load_state_dict(generator)
            _settle(method, config)
    begin_run(folder, config, data, tensors(method), init_from)


def _settle(method: Method, config: PriorConfig) -> None:
    """Let learned scales take their start from the weights, which they do at the first use."""
    with torch.no_grad():
        method.generator.eval()(torch.zeros(2, latent_size(config.model, method.generator)))


class PriorTrainer:
    """Carries a run from its last checkpoint to its end.

    Args:
        config: The run.
        data: Its images.
        folder: Its folder, made by :func:`start_prior`.

    Raises:
        UsageError: The images are not those the run began with.
    """

    def __init__(self, config: PriorConfig, data: Dataset, folder: Path) -> None:
        torch.set_num_threads(config.run.threads)
        self._config, self._data, self._folder = config, data, folder
        self._batches = Batches(data.train, data.peak, config.optimiser.batch, config.run.seed)
        self._method = make_method(config, data.geometry)
        found, self._meta = continue_run(folder, data)
        load_tensors(self._method, found)

    def run(self) -> PriorResult:
        """Train to the end, then write what export needs."""
        start, total = int(self._meta["step"]), self._config.optimiser.steps
        begin = time.perf_counter()
        losses: dict[str, float] = {}
        self._method.generator.train()
        with RunLog(self._folder, start, total) as log:
            for step in range(start, total):
                losses = self._train_step(step)
                self._after_step(log, step + 1, losses)
        self._method.generator.eval()
        finish_prior(self._folder, self._config, self._data, self._method.generator, self._meta)
        return PriorResult(self._folder, total, losses, time.perf_counter() - begin)

    def _train_step(self, step: int) -> dict[str, float]:
        config = self._config
        rate = learning_rate(config, step)
        for adam in self._method.adams.values():
            for group in adam.param_groups:
                group["lr"] = rate * group.get("relative", 1.0)
        # A draw is a function of (seed, step), so resuming needs no state.
        random = torch.Generator().manual_seed((config.run.seed * 1_000_003 + step) * 31 + _STEP)
        return self._method.step(self._batches[step], random)

    def _after_step(self, log: RunLog, done: int, losses: dict[str, float]) -> None:
        run, last = self._config.run, done == self._config.optimiser.steps
        if not all(abs(v) < float("inf") for v in losses.values()):
            raise CheckFailedError(
                "finite training losses",
                f"infinity or NaN at step {done}",
                "lower optimiser.lr; the last checkpoint is kept",
            )
        if done % run.log_every == 0 or last:
            log.write({"kind": "train", "step": done} | losses)
        if done % run.checkpoint_every == 0 or last:
            log.sync()
            self._meta["step"] = done
            save_checkpoint(self._folder, tensors(self._method), self._meta)
            text = ", ".join(f"{n} {v:.4g}" for n, v in losses.items())
            log.advance(done, text)
        log.advance(done)


def learning_rate(config: PriorConfig, step: int) -> float:
    """Return the learning rate of step number ``step``, counted from 0."""
    optimiser = config.optimiser
    if optimiser.schedule == "constant":
        return optimiser.lr
    fall = 0.5 * (1 + math.cos(math.pi * step / optimiser.steps))
    return optimiser.lr * (optimiser.floor + (1 - optimiser.floor) * fall)
