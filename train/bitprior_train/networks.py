"""The trained networks of a run, as torch modules."""

import json
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from bitprior_runtime.files import read_bytes
from bitprior_train.checkpoint import load_checkpoint
from bitprior_train.learner import Learner
from bitprior_train.settings import read_table, validate

_MAX_RECORD = 2**20


@dataclass(frozen=True)
class Networks:
    """What a run trained.

    Attributes:
        generator: G, quantised as in training, z [B,k] -> x [B,C,H,W] in [0,1].
        sensing: A, x -> y [B,m].
        beta: The learned step size.
    """

    generator: nn.Module
    sensing: nn.Module
    beta: float


def load_networks(run: Path) -> Networks:
    """Load generator and sensing network from a finished run's checkpoint.

    Raises:
        MissingFileError: No finished run there.
    """
    config = validate(read_table(run / "config.toml"))
    record = json.loads(read_bytes(run / "run.json", _MAX_RECORD))
    c, h, w = record["geometry"]
    learner = Learner(config, (c, h, w))
    tensors, _ = load_checkpoint(run)
    learner.load(tensors)
    return Networks(learner.generator.eval(), learner.sensing.eval(), learner.beta)
