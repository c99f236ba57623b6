"""The training loop, and what a run begins with."""

import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from bitprior_train.algorithm import Losses
from bitprior_train.batches import Batches, latents
from bitprior_train.checkpoint import below, load_checkpoint
from bitprior_train.config import TrainConfig
from bitprior_train.data import Dataset
from bitprior_train.distributed import Ranks
from bitprior_train.following import FOLLOWED, PREFIX, Follower, state_of
from bitprior_train.following_recorder import FollowingRecorder
from bitprior_train.learner import Learner
from bitprior_train.recorder import Recorder, check_finite
from bitprior_train.run_folder import begin_run, continue_run, quantiser_of

_CPU, _ALONE = torch.device("cpu"), Ranks()


@dataclass(frozen=True)
class TrainResult:
    """Outcome of a run.

    Attributes:
        folder: The run's folder.
        steps: Training steps done.
        psnr: Mean validation PSNR in dB, by number of proximal steps; known to the first process.
        seconds: Duration of this call; a resumed run's earlier part is not in it.
        ms_per_step: Mean duration of this call's training steps, without validation.
        images_per_s: Training images of all processes in a second of such steps; 0 without steps.
    """

    folder: Path
    steps: int
    psnr: dict[int, float]
    seconds: float
    ms_per_step: float
    images_per_s: float


def start_run(
    config: TrainConfig, data: Dataset, folder: Path, init_from: Path | None = None
) -> None:
    """Make a run's folder with its configuration and its checkpoint of step 0.

    Args:
        config: The run.
        data: Its images.
        folder: Where; made if missing.
        init_from: A finished run whose weights and step size to start from.

    Raises:
        UsageError: Another process has begun a run there, or is about to.
    """
    learner = Learner(config, data.geometry)
    prior: dict[str, Tensor] = {}
    if init_from:
        tensors = load_checkpoint(init_from)[0]
        learner.start_from(tensors, scales=quantiser_of(init_from) == config.quantiser)
        if config.following.steps:
            prior = state_of(below("generator.", tensors))
    learner.theta_q()  # learned scales take their start from the weights at the first use
    more = {FOLLOWED: 0} if prior else {}
    begin_run(folder, config, data, learner.tensors() | prior, init_from, more)


class Trainer:
    """Carries a run from its last checkpoint to its end.

    Args:
        config: The run.
        data: Its images.
        folder: Its folder, made by :func:`start_run`.
        device: Where to train.
        ranks: Who this process is among those that train the run; the first one keeps the folder.

    Raises:
        UsageError: The images are not those the run began with.
    """

    def __init__(
        self,
        config: TrainConfig,
        data: Dataset,
        folder: Path,
        device: torch.device = _CPU,
        ranks: Ranks = _ALONE,
    ) -> None:
        torch.set_num_threads(config.run.threads)
        self._config, self._data, self._folder = config, data, folder
        self._device, self._ranks = device, ranks
        self._batches = Batches(data.train, data.peak, config.optimiser.batch, config.run.seed)
        self._learner = Learner(config, data.geometry, device, ranks)
        tensors, self._meta = continue_run(folder, data)
        self._learner.load(tensors)
        self._follow_from = below(PREFIX, tensors)

    def run(self) -> TrainResult:
        """Train to the end, then write what export needs."""
        begin = time.perf_counter()
        if self._follow_from:
            self._follow()
        recorder = self._recorder() if self._ranks.first else None
        with recorder or nullcontext():
            steps, training = self._loop(recorder)
        psnr = recorder.finish() if recorder else {}
        return TrainResult(
            self._folder,
            int(self._meta["step"]) + steps,
            psnr,
            time.perf_counter() - begin,
            1e3 * training / max(1, steps),
            self._config.optimiser.batch * steps / training if steps else 0.0,
        )

    def _follow(self) -> None:
        """Let the generator follow the prior that it starts from, to the end of that."""
        config, meta, learner = self._config, self._meta, self._learner
        follower = Follower(
            learner, self._follow_from, config, self._data, self._device, self._ranks
        )
        self._follow_from = {}
        start = int(meta[FOLLOWED])
        recorder = None
        if self._ranks.first:
            recorder = FollowingRecorder(config, self._folder, learner, follower, meta)
        with recorder or nullcontext():
            if recorder and not start:
                recorder.save(0)  # so that no kill costs the prior's recoveries again
            for step in range(start, config.following.steps):
                error = follower.step(step)
                if recorder:
                    recorder.after_step(step, error)

    def _loop(self, recorder: Recorder | None) -> tuple[int, float]:
        """Train; return how many steps, and how many seconds those took."""
        start, total = int(self._meta["step"]), self._config.optimiser.steps
        training = 0.0
        if self._meta.get("ended"):
            return 0, training
        for step in range(start, total):
            tick = time.perf_counter()
            loss = self._train_step(step)
            check_finite(loss.total, step + 1)  # also waits for a GPU to be done
            training += time.perf_counter() - tick
            ends = recorder.after_step(step, loss) if recorder else False
            validation = self._config.validation
            if validation.patience and (step + 1) % validation.every == 0:
                ends = self._ranks.agree(ends)
            if ends:
                return step + 1 - start, training
        return total - start, training

    def _recorder(self) -> Recorder:
        meta = dict(self._meta)
        return Recorder(self._config, self._data, self._folder, self._learner, self._device, meta)

    def _train_step(self, step: int) -> Losses:
        config = self._config
        share = self._ranks.share(config.optimiser.batch)
        x = self._batches[step][share]
        z0 = latents(config.optimiser.batch, config.model.latent, config.run.seed, step)[share]
        return self._learner.step(x.to(self._device), z0.to(self._device), step)
