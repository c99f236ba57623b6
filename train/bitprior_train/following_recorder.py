"""What the first process does while the generator follows the prior: log it, keep checkpoints."""

from pathlib import Path
from typing import Any

from bitprior_train.checkpoint import save_checkpoint
from bitprior_train.config import TrainConfig
from bitprior_train.following import FOLLOWED, Follower
from bitprior_train.learner import Learner
from bitprior_train.runlog import FOLLOWING, LogKeeper, RunLog

_LINES = 8  # lines of progress


class FollowingRecorder(LogKeeper):
    """Keeper of a run's folder until Algorithm 1 begins, a context manager around its log.

    Args:
        config: The run.
        folder: Its folder.
        learner: What is trained.
        follower: What it follows with.
        meta: The checkpoint's meta data.
    """

    def __init__(
        self,
        config: TrainConfig,
        folder: Path,
        learner: Learner,
        follower: Follower,
        meta: dict[str, Any],
    ) -> None:
        self._run, self._steps = config.run, config.following.steps
        self._folder, self._learner, self._follower = folder, learner, follower
        self._meta = meta
        self._log = RunLog(folder, meta[FOLLOWED], self._steps, FOLLOWING)

    def after_step(self, step: int, error: float) -> None:
        """Do what is due after step number ``step``, from 0, of that squared error."""
        done, last = step + 1, step + 1 == self._steps
        if done % self._run.log_every == 0 or last:
            rate = self._follower.rate(step)
            self._log.write({"kind": FOLLOWING, "step": done, "squared_error": error, "lr": rate})
        if done % self._run.checkpoint_every == 0 or last:
            self.save(done)
        told = done % max(1, self._steps // _LINES) == 0
        self._log.advance(done, f"squared error {error:.4g}" if told else None)

    def save(self, done: int) -> None:
        """Keep a checkpoint after ``done`` steps; after the last one, Algorithm 1's of step 0."""
        self._log.sync()
        self._meta[FOLLOWED] = done
        tensors = self._follower.tensors(done)
        if done == self._steps:
            tensors = self._learner.tensors()
        save_checkpoint(self._folder, tensors, self._meta)
