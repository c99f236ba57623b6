"""Colour through a gray prior: each channel is a photo of its own, searched beside the others."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.recovery import Recovery

COLOURS = 3


def planes_of(y: NDArray[Any], size: int, channels: int) -> int:
    """Return of how many images a row of measurements is: 3 where a gray prior gets colour.

    Args:
        y: Measurements, [B, C * m] if they fit.
        size: m, measurements of one channel.
        channels: C of the prior.
    """
    colour = channels == 1 and y.ndim == 2 and y.shape[1] == COLOURS * size
    return COLOURS if colour else 1


def joined(found: Recovery, planes: int) -> Recovery:
    """Return the recovery of channels, [B * planes] rows, as one of images with as many channels.

    Latents lie side by side, losses and evaluations are added up, and an image has taken as many
    steps as the channel that took most.
    """
    if planes == 1:
        return found

    def side_by_side(values: NDArray[Any]) -> NDArray[Any]:
        return values.reshape(-1, planes, *values.shape[2:])

    start = found.start
    return replace(
        found,
        image=side_by_side(found.image),
        start=None if start is None else side_by_side(start),
        latent=found.latent.reshape(-1, planes * found.latent.shape[1]),
        loss=found.loss.reshape(-1, planes).sum(axis=1),
        history=found.history.reshape(len(found.history), -1, planes).sum(axis=2),
        steps=found.steps.reshape(-1, planes).max(axis=1),
        evaluations=found.evaluations.reshape(-1, planes).sum(axis=1),
    )


def apart(rows: NDArray[Any], planes: int) -> NDArray[Any]:
    """Return rows [B, planes * n] as one row a channel, [B * planes, n]."""
    return np.reshape(rows, (len(rows) * planes, -1))
