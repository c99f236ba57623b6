"""A run's trained networks, for use: weights quantised once, nothing left to train."""

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from bitprior_train.checkpoint import load_checkpoint
from bitprior_train.learner import Learner
from bitprior_train.settings import read_table, validate


@dataclass(frozen=True)
class Networks:
    """What a run trained.

    Attributes:
        generator: G with weights θ_Q, latents [B, k] to images [B, C, H, W] in [0, 1]; plain torch
            layers.
        sensing: A, images to measurements [B, m].
        beta: The learned step size.
    """

    generator: nn.Module
    sensing: nn.Module
    beta: float


def load_networks(run: Path) -> Networks:
    """Load generator and sensing network from a run's checkpoint.

    Raises:
        MissingFileError: No run there.
    """
    config = validate(read_table(run / "config.toml"))
    tensors, meta = load_checkpoint(run)
    channels, height, width = meta["geometry"]
    geometry = (channels, height, width)
    learner = Learner(config, geometry)
    learner.load(tensors)
    generator, sensing = learner.plain_networks()
    return Networks(generator, sensing, learner.beta)
