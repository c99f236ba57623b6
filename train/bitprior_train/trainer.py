"""The training loop: steps, logs, validations and checkpoints in a run's folder."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bitprior_runtime.errors import CheckFailedError, UsageError
from bitprior_runtime.files import write_atomically
from bitprior_train.algorithm import Losses
from bitprior_train.batches import Batches, latents, validation_latents
from bitprior_train.checkpoint import load_checkpoint, save_checkpoint
from bitprior_train.config import TrainConfig
from bitprior_train.data import Dataset
from bitprior_train.finish import finish_run
from bitprior_train.learner import Learner, learning_rate
from bitprior_train.quantisers import level_histograms, zero_fractions
from bitprior_train.runlog import RunLog
from bitprior_train.settings import to_toml
from bitprior_train.validation import recovery_psnr


@dataclass(frozen=True)
class TrainResult:
    """Outcome of a run.

    Attributes:
        folder: The run's folder.
        steps: Training steps done.
        psnr: Mean validation PSNR in dB, by number of proximal steps.
        seconds: Duration of this call; a resumed run's earlier part is not in it.
        ms_per_step: Mean duration of this call's training steps, without validation.
    """

    folder: Path
    steps: int
    psnr: dict[int, float]
    seconds: float
    ms_per_step: float


def start_run(
    config: TrainConfig, data: Dataset, folder: Path, init_from: Path | None = None
) -> None:
    """Make a run's folder with its configuration and its checkpoint of step 0.

    Args:
        config: The run.
        data: Its images.
        folder: Where; made if missing.
        init_from: A finished run whose weights and step size to start from.
    """
    learner = Learner(config, data.geometry)
    meta: dict[str, Any] = {
        "step": 0,
        "init_from": str(init_from) if init_from else None,
        "geometry": list(data.geometry),
        "split_hash": data.split_hash,
    }
    if init_from:
        learner.start_from(load_checkpoint(init_from)[0])
    learner.theta_q()  # learned scales take their start from the weights at the first use
    folder.mkdir(parents=True, exist_ok=True)
    save_checkpoint(folder, learner.tensors(), meta)
    write_atomically(folder / "config.toml", to_toml(config).encode())


class Trainer:
    """Carries a run from its last checkpoint to its end.

    Args:
        config: The run.
        data: Its images.
        folder: Its folder, made by :func:`start_run`.

    Raises:
        UsageError: The images are not those the run began with.
    """

    def __init__(self, config: TrainConfig, data: Dataset, folder: Path) -> None:
        torch.set_num_threads(config.run.threads)
        self._config, self._data, self._folder = config, data, folder
        self._batches = Batches(data.train, data.peak, config.optimiser.batch, config.run.seed)
        self._learner = Learner(config, data.geometry)
        tensors, self._meta = load_checkpoint(folder)
        if self._meta["split_hash"] != data.split_hash:
            raise UsageError(
                f"the images the run began with, split {self._meta['split_hash'][:12]}",
                f"split {data.split_hash[:12]}",
                "restore the data set, or start a new run",
            )
        self._learner.load(tensors)
        self._psnr: dict[int, float] = {}

    def run(self) -> TrainResult:
        """Train to the end, then write what export needs."""
        start, total = int(self._meta["step"]), self._config.optimiser.steps
        begin = time.perf_counter()
        training = 0.0
        with RunLog(self._folder, start, total) as log:
            for step in range(start, total):
                tick = time.perf_counter()
                loss = self._train_step(step)
                training += time.perf_counter() - tick
                self._after_step(log, step, loss)
        self._psnr = self._psnr or self._measure()
        finish_run(self._folder, self._config, self._data, self._learner, self._psnr, self._meta)
        seconds = time.perf_counter() - begin
        rate = 1e3 * training / max(1, total - start)
        return TrainResult(self._folder, total, self._psnr, seconds, rate)

    def _train_step(self, step: int) -> Losses:
        model, run = self._config.model, self._config.run
        x = self._batches[step]
        return self._learner.step(x, latents(len(x), model.latent, run.seed, step), step)

    def _after_step(self, log: RunLog, step: int, loss: Losses) -> None:
        config, done = self._config, step + 1
        last = done == config.optimiser.steps
        self._check_finite(loss.total, done)
        if done % config.run.log_every == 0 or last:
            self._log_losses(log, step, loss)
        if done % config.validation.every == 0 or last:
            self._validate(log, done)
        if done % config.run.checkpoint_every == 0 or last:
            log.sync()
            self._save(done)
        log.advance(done)

    def _check_finite(self, tensor: Tensor, step: int) -> None:
        if not torch.isfinite(tensor).all():
            raise CheckFailedError(
                "a finite training loss and finite weights",
                f"infinity or NaN at step {step}",
                "lower optimiser.lr or inner.step_size; the last checkpoint is kept",
            )

    def _save(self, step: int) -> None:
        tensors = self._learner.tensors()
        for tensor in tensors.values():  # a checkpoint that could only fail again helps nobody
            self._check_finite(tensor, step)
        self._meta["step"] = step
        save_checkpoint(self._folder, tensors, self._meta)

    def _log_losses(self, log: RunLog, step: int, loss: Losses) -> None:
        distillation = loss.distillation
        log.write(
            {
                "kind": "train",
                "step": step + 1,
                "loss": loss.total.item(),
                "measurement": loss.measurement.item(),
                "s_rec": loss.s_rec.item(),
                "gradient_difference": loss.gradient_difference.item(),
                "beta": self._learner.beta,
                "lr": learning_rate(self._config.optimiser, step),
            }
            | ({} if distillation is None else {"distillation": distillation.item()})
        )

    def _validate(self, log: RunLog, step: int) -> None:
        self._psnr = self._measure()
        zeros = zero_fractions(self._learner.theta_q())
        log.write(
            {
                "kind": "validation",
                "step": step,
                "psnr": self._psnr,
                "zeros": zeros,
                "levels": level_histograms(self._learner.generator),
            }
        )
        text = ", ".join(f"{v:.2f} dB after {t}" for t, v in self._psnr.items())
        log.advance(step, f"validation PSNR {text} proximal steps")

    def _measure(self) -> dict[int, float]:
        """Recover validation images: mean PSNR in dB by number of proximal steps."""
        config, learner = self._config, self._learner
        chosen = self._data.validation[: config.validation.images]
        x = torch.from_numpy(self._data.images(chosen))
        z0 = validation_latents(len(x), config.model.latent, config.run.seed)
        theta_q = {n: t.detach() for n, t in learner.theta_q().items()}
        return recovery_psnr(
            learner.network(theta_q),
            learner.sensing,
            x,
            z0,
            beta=learner.beta,
            s=config.model.sparsity,
            steps=config.validation.steps,
            on_sphere=config.system.projection == "unit-sphere",
        )
