"""The training loop of a linear-residual prior: steps, logs, validations, checkpoints."""

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bitprior_runtime.errors import CheckFailedError
from bitprior_train.baselines import fit_principal_components
from bitprior_train.batches import Batches
from bitprior_train.checkpoint import load_checkpoint, save_checkpoint
from bitprior_train.data import Dataset
from bitprior_train.residual.config import ResidualConfig
from bitprior_train.residual.finish import Quality, finish_residual
from bitprior_train.residual.learner import ResidualLearner
from bitprior_train.residual.optimiser import share_of_rates
from bitprior_train.residual.recovery import recovery_psnr
from bitprior_train.run_folder import begin_run, continue_run
from bitprior_train.runlog import RunLog

_STEP = 13  # stream of random numbers


@dataclass(frozen=True)
class ResidualResult:
    """Outcome of a run.

    Attributes:
        folder: The run's folder.
        steps: Training steps done.
        quality: Of validation images at the end.
        seconds: Duration of the training, of a resumed run's earlier parts, too.
    """

    folder: Path
    steps: int
    quality: Quality
    seconds: float


def start_residual(
    config: ResidualConfig, data: Dataset, folder: Path, init_from: Path | None = None
) -> None:
    """Make a run's folder with its configuration and its checkpoint of step 0.

    Without a run to start from, that is the principal components of the training images.

    Args:
        config: The run.
        data: Its images.
        folder: Where; made if missing.
        init_from: A run whose weights to start from.

    Raises:
        UsageError: Another process has begun a run there, or is about to.
    """
    learner = ResidualLearner(config, data.geometry)
    if init_from is None:
        images = data.images(data.train)
        learner.networks.start_at(fit_principal_components(images, config.model.measurements))
        learner.networks.settle()
    else:
        learner.start_from(load_checkpoint(init_from)[0])
    begin_run(folder, config, data, learner.tensors(), init_from, {"seconds": 0.0})


class ResidualTrainer:
    """Carries a run from its last checkpoint to its end.

    Args:
        config: The run.
        data: Its images.
        folder: Its folder, made by :func:`start_residual`.

    Raises:
        UsageError: The images are not those the run began with.
    """

    def __init__(self, config: ResidualConfig, data: Dataset, folder: Path) -> None:
        torch.set_num_threads(config.run.threads)
        self._config, self._data, self._folder = config, data, folder
        self._batches = Batches(data.train, data.peak, config.optimiser.batch, config.run.seed)
        self._learner = ResidualLearner(config, data.geometry)
        tensors, self._meta = continue_run(folder, data)
        self._learner.load(tensors)
        self._before, self._begin = float(self._meta["seconds"]), time.perf_counter()

    def run(self) -> ResidualResult:
        """Train to the end, then write what export needs."""
        config, start = self._config, int(self._meta["step"])
        total = config.optimiser.steps
        with RunLog(self._folder, start, total) as log:
            for step in range(start, total):
                self._after_step(log, step, self._train_step(step))
        quality = self._quality()
        finish_residual(
            self._folder, config, self._data, self._learner.networks, quality, self._meta
        )
        return ResidualResult(self._folder, total, quality, float(self._meta["seconds"]))

    def _train_step(self, step: int) -> float:
        # A draw is a function of (seed, step), so resuming needs no state.
        seed = (self._config.run.seed * 1_000_003 + step) * 31 + _STEP
        return self._learner.step(self._batches[step], step, torch.Generator().manual_seed(seed))

    def _after_step(self, log: RunLog, step: int, loss: float) -> None:
        config, done = self._config, step + 1
        run, last = config.run, done == config.optimiser.steps
        if not math.isfinite(loss):
            raise CheckFailedError(
                "a finite training loss",
                f"{loss} at step {done}",
                "lower optimiser.lr; the last checkpoint is kept",
            )
        if done % run.log_every == 0 or last:
            rate = config.optimiser.lr * share_of_rates(config, step)
            log.write({"kind": "train", "step": done, "loss": loss, "lr": rate})
        if done % config.validation.every == 0 and not last:
            self._validate(log, done)
        if done % run.checkpoint_every == 0 or last:
            log.sync()
            self._meta |= {"step": done, "seconds": self._seconds()}
            save_checkpoint(self._folder, self._learner.tensors(), self._meta)
        log.advance(done)

    def _validate(self, log: RunLog, done: int) -> None:
        recovery = self._config.recovery
        found = recovery_psnr(
            self._learner.networks, self._images(), recovery.most, [recovery.step_size]
        )[recovery.step_size]
        entry: dict[str, Any] = {"kind": "validation", "step": done}
        log.write(entry | {"psnr": {str(steps): value for steps, value in enumerate(found)}})
        text = f"validation PSNR {found[0]:.2f} dB at the start, {found[-1]:.2f} dB after"
        log.advance(done, f"{text} {recovery.most} steps")

    def _quality(self) -> Quality:
        """Choose step size and steps on the validation images, in float32."""
        recovery, networks = self._config.recovery, self._learner.networks
        low, networks.generator.low = networks.generator.low, False
        sizes = recovery.candidates
        found = recovery_psnr(networks, self._images(), recovery.most, sizes)
        networks.generator.low = low
        size = max(sizes, key=lambda each: max(found[each]))
        return Quality.of(size, found[size])

    def _images(self) -> Tensor:
        some = self._data.validation[: self._config.validation.images]
        return torch.from_numpy(self._data.images(some))

    def _seconds(self) -> float:
        return self._before + time.perf_counter() - self._begin
