"""The training of a photo prior: the search is unrolled over random operators and crops."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bitprior_runtime.errors import CheckFailedError, UsageError
from bitprior_runtime.files import write_atomically
from bitprior_runtime.sensing.covariance import Covariance
from bitprior_train.checkpoint import below, load_checkpoint, save_checkpoint
from bitprior_train.lock import exclusive, refuse_a_run
from bitprior_train.photo.config import PhotoConfig
from bitprior_train.photo.crops import Crops
from bitprior_train.photo.finish import finish_photo
from bitprior_train.photo.networks import PhotoNetworks
from bitprior_train.photo.operators import draw_problem
from bitprior_train.photo.optimiser import PhotoOptimiser
from bitprior_train.photo.photos import PhotoSets
from bitprior_train.photo.problem import Problem
from bitprior_train.photo.search import Search, squared_errors
from bitprior_train.photo.state import first_state, teacher_of, tensors_of
from bitprior_train.photo.validation import Validation
from bitprior_train.runlog import RunLog
from bitprior_train.settings import to_toml

# Operators in memory at a time, and steps after which one of them is drawn anew.
_POOL = 160
_RENEW = 8
_AREA = 99 * 99
# Training from scratch begins with half of the search's steps, for this share of it.
_SHORT = 0.12
_FLOOR = 1e-6  # of a squared error, 60 dB
_STEP, _OPERATOR = 1, 2  # one independent stream of random numbers each


@dataclass(frozen=True)
class PhotoResult:
    """Outcome of a run.

    Attributes:
        folder: The run's folder.
        steps: Training steps done.
        psnr: Last validation: PSNR in dB at the start and the end of the search, by ratio.
        seconds: Duration of all calls together.
    """

    folder: Path
    steps: int
    psnr: dict[str, float]
    seconds: float


def start_photo(config: PhotoConfig, sets: PhotoSets, folder: Path, init_from: Path | None) -> None:
    """Make a run's folder with its configuration and its checkpoint of step 0.

    Args:
        config: The run.
        sets: Its photos.
        folder: Where; made if missing.
        init_from: The run it starts from, if any.

    Raises:
        MissingFileError: ``init_from`` has no checkpoint.
        UsageError: It does not fit, or another process has begun a run in the folder.
    """
    tensors, meta = first_state(config, sets, init_from)
    folder.mkdir(parents=True, exist_ok=True)
    with exclusive(folder):
        refuse_a_run(folder)
        save_checkpoint(folder, tensors, meta)
        write_atomically(folder / "config.toml", to_toml(config).encode())


class PhotoTrainer:
    """Carries a run from its last checkpoint to its end.

    Args:
        config: The run.
        sets: Its photos.
        folder: Its folder, made by :func:`start_photo`.

    Raises:
        UsageError: The photos are not those the run began with.
    """

    def __init__(self, config: PhotoConfig, sets: PhotoSets, folder: Path) -> None:
        torch.set_num_threads(config.run.threads)
        self._config, self._sets, self._folder = config, sets, folder
        tensors, self._meta = load_checkpoint(folder)
        if self._meta["split_hash"] != sets.split_hash:
            raise UsageError(
                f"the photos the run began with, split {self._meta['split_hash'][:12]}",
                f"split {sets.split_hash[:12]}",
                "restore the data set, or start a new run",
            )
        self.covariance = Covariance(float(self._meta["mean"]), tensors["covariance"].numpy())
        torch.manual_seed(config.run.seed)
        self.networks = PhotoNetworks(config.model, self.covariance.mean)
        self.networks.load_state_dict(below("networks.", tensors))
        self._teacher = teacher_of(tensors, self._meta)
        self._teacher_tensors = {n: t for n, t in tensors.items() if n.startswith("teacher.")}
        # Loading a brevitas layer replaces its scale parameter: the optimiser comes after.
        self._optimiser = PhotoOptimiser(config.optimiser, dict(self.networks.named_parameters()))
        self._optimiser.load(below("optimiser.", tensors))
        self._low = torch.bfloat16 if config.run.precision == "bfloat16" else torch.float32
        self._crops = Crops(sets)
        photos = sets.validation[: config.validation.photos]
        block = config.validation.block
        self._validation = Validation(photos, self.covariance, self._low, block)
        self._problems: dict[int, Problem] = {}

    def run(self) -> PhotoResult:
        """Train to the end, then write what export needs."""
        start, total, run = int(self._meta["step"]), self._config.optimiser.steps, self._config.run
        begin, spent = time.perf_counter(), float(self._meta.get("seconds", 0.0))
        losses: list[float] = []
        psnr: dict[str, float] = dict(self._meta.get("psnr", {}))
        with RunLog(self._folder, start, total) as log:
            for step in range(start, total):
                losses.append(self._train_step(step))
                done, seconds = step + 1, spent + time.perf_counter() - begin
                if done % run.log_every == 0 or done == total:
                    loss = float(np.mean(losses))
                    log.write({"kind": "train", "step": done, "loss": loss, "seconds": seconds})
                    losses = []
                if done % run.checkpoint_every == 0 or done == total:
                    psnr = self._validation.psnr(self.networks, self._config.model.steps)
                    log.write({"kind": "validation", "step": done} | psnr)
                    log.sync()
                    self._meta |= {"step": done, "seconds": seconds, "psnr": psnr}
                    self._save()
                    text = ", ".join(f"{n[5:]} {v:.2f}" for n, v in psnr.items() if n[0] == "p")
                    log.advance(done, f"validation PSNR {text} dB")
                log.advance(done)
        finish_photo(
            self._folder, self._config, self._sets, self.networks, self.covariance, self._meta
        )
        return PhotoResult(self._folder, total, psnr, spent + time.perf_counter() - begin)

    def _train_step(self, step: int) -> float:
        config = self._config
        # A draw is a function of (seed, step), so resuming needs no state.
        random = np.random.default_rng((config.run.seed, _STEP, step))
        problem = self._problem(step, random)
        height, width = problem.frame
        count = max(1, round(config.optimiser.crops * _AREA / (height * width)))
        truth = torch.from_numpy(self._crops.draw(random, count, height, width))
        truth = torch.nn.functional.pad(truth, (0, width % 2, 0, height % 2))
        y = problem.measure(truth)
        if problem.noise:
            noise = random.standard_normal(tuple(y.shape), dtype=np.float32)
            y = y + problem.noise * torch.from_numpy(noise)
        steps = config.model.steps
        if step < _SHORT * config.optimiser.steps and self._meta["init_from"] is None:
            steps = (steps + 1) // 2
        loss = self._loss(problem, truth, y, steps, random)
        loss.backward()
        value = float(loss.detach())
        if not np.isfinite(value):
            raise CheckFailedError(
                "a finite training loss",
                f"{value} at step {step}",
                "lower optimiser.lr; the last checkpoint is kept",
            )
        self._optimiser.step(step / config.optimiser.steps)
        return value

    def _loss(
        self, problem: Problem, truth: Tensor, y: Tensor, steps: int, random: np.random.Generator
    ) -> Tensor:
        between = int(random.integers(1, steps)) if steps > 1 else None
        found = Search(self.networks, self._low).run(problem, y, steps, between)
        loss = _log_error(problem, found.image, truth)
        weights = self._config.loss
        if found.between is not None and weights.between:
            loss = loss + weights.between * _log_error(problem, found.between, truth)
        if self._teacher is not None:
            with torch.no_grad():
                wanted = Search(self._teacher, self._low).run(problem, y, steps).image
            loss = loss + weights.distillation * _log_error(problem, found.image, wanted)
        return loss

    def _problem(self, step: int, random: np.random.Generator) -> Problem:
        """Return one of the operators in memory; which are there is a function of the step."""
        slot = int(random.integers(_POOL))
        # A slot's operator is drawn anew every _POOL * _RENEW steps, the slots one after the other.
        age = (step + slot * _RENEW) // (_POOL * _RENEW)
        key = slot + _POOL * age
        if key not in self._problems:
            self._problems = {k: p for k, p in self._problems.items() if k % _POOL != slot}
            own = np.random.default_rng((self._config.run.seed, _OPERATOR, key))
            self._problems[key] = draw_problem(own, self.covariance, self._config.operators.largest)
        return self._problems[key]

    def _save(self) -> None:
        tensors = tensors_of(self.networks, self._optimiser, self.covariance)
        save_checkpoint(self._folder, tensors | self._teacher_tensors, self._meta)


def _log_error(problem: Problem, image: Tensor, truth: Tensor) -> Tensor:
    return torch.log(squared_errors(problem, image, truth) + _FLOOR).mean()
