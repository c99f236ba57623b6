"""What the first process of a run does beside training: log, validate, keep checkpoints, finish."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bitprior_runtime.errors import CheckFailedError
from bitprior_train.algorithm import Losses
from bitprior_train.checkpoint import BEST, load_checkpoint, save_checkpoint
from bitprior_train.config import TrainConfig
from bitprior_train.data import Dataset
from bitprior_train.early_stop import EarlyStop
from bitprior_train.finish import finish_run
from bitprior_train.learner import Learner
from bitprior_train.optimisers import learning_rate
from bitprior_train.quantisers import level_histograms, zero_fractions
from bitprior_train.runlog import LogKeeper, RunLog
from bitprior_train.validation import validate


def check_finite(tensor: Tensor, step: int) -> None:
    """Refuse what is no longer a number.

    Raises:
        CheckFailedError: Infinity or NaN in it.
    """
    if not torch.isfinite(tensor).all():
        raise CheckFailedError(
            "a finite training loss and finite weights",
            f"infinity or NaN at step {step}",
            "lower optimiser.lr or inner.step_size, or set optimiser.clip_norm; "
            "the last checkpoint is kept",
        )


class Recorder(LogKeeper):
    """Keeper of a run's folder, a context manager around its log.

    Args:
        config: The run.
        data: Its images.
        folder: Its folder.
        learner: What is trained.
        device: Where.
        meta: The checkpoint's meta data.
    """

    def __init__(
        self,
        config: TrainConfig,
        data: Dataset,
        folder: Path,
        learner: Learner,
        device: torch.device,
        meta: dict[str, Any],
    ) -> None:
        self._config, self._data, self._folder = config, data, folder
        self._learner, self._device, self._meta = learner, device, meta
        self._early_stop = EarlyStop.of(config.validation, meta)
        self._log = RunLog(folder, int(meta["step"]), config.optimiser.steps)
        self._psnr: dict[int, float] = {}

    def after_step(self, step: int, loss: Losses) -> bool:
        """Do what is due after step number ``step``, from 0; return whether the run ends early."""
        config, done = self._config, step + 1
        last = done == config.optimiser.steps
        if done % config.run.log_every == 0 or last:
            self._log_losses(step, loss)
        if done % config.validation.every == 0 or last:
            self._validate(done)
        ended = self._early_stop.ended
        if done % config.run.checkpoint_every == 0 or last or ended:
            self._log.sync()
            self._save(done, ended=last or ended)
        self._log.advance(done)
        return ended

    def finish(self) -> dict[int, float]:
        """Write what export needs; return the validation PSNR in dB by proximal steps."""
        psnr = self._psnr or self._measure()
        learner = Learner(self._config, self._data.geometry)  # in main memory, wherever it was
        learner.load(self._learner.tensors())
        finish_run(self._folder, self._config, self._data, learner, psnr, self._meta)
        (self._folder / BEST).unlink(missing_ok=True)
        return psnr

    def _measure(self) -> dict[int, float]:
        return validate(self._config, self._data, self._learner, self._device)

    def _save(self, step: int, *, ended: bool) -> None:
        if ended and (self._folder / BEST).exists():
            self._learner.load(load_checkpoint(self._folder, BEST)[0])
            self._psnr = {}
            self._meta["best_step"] = self._early_stop.best_step
        self._meta |= {"step": step, "ended": ended} | self._early_stop.meta()
        save_checkpoint(self._folder, self._finite_tensors(step), self._meta)

    def _finite_tensors(self, step: int) -> dict[str, Tensor]:
        tensors = self._learner.tensors()
        for tensor in tensors.values():  # a checkpoint that could only fail again helps nobody
            check_finite(tensor, step)
        return tensors

    def _log_losses(self, step: int, loss: Losses) -> None:
        distillation = loss.distillation
        self._log.write(
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

    def _validate(self, step: int) -> None:
        self._psnr = self._measure()
        zeros = zero_fractions(self._learner.theta_q())
        self._log.write(
            {
                "kind": "validation",
                "step": step,
                "psnr": self._psnr,
                "zeros": zeros,
                "levels": level_histograms(self._learner.generator),
            }
        )
        text = ", ".join(f"{v:.2f} dB after {t}" for t, v in self._psnr.items())
        self._log.advance(step, f"validation PSNR {text} proximal steps")
        if self._early_stop.see(self._psnr[max(self._psnr)], step) and self._early_stop.patience:
            save_checkpoint(self._folder, self._finite_tensors(step), {}, BEST)
