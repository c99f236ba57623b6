"""Deep Decoder (Heckel and Hand 2019): an untrained network of few weights, one for each image."""

import numpy as np
import torch

from bitprior_runtime.errors import UsageError
from bitprior_train.surgery.baselines.decoder_networks import DecoderNetworks, check_geometry
from bitprior_train.surgery.baselines.fitting import fit, found
from bitprior_train.surgery.operators import Geometry
from bitprior_train.surgery.problem import Problem, Recovered, best_restart

# By side of the images: about as many weights as a cut BEGAN has variables.
CHANNELS = {64: 44, 128: 89}
_STREAM = 12


class DeepDecoder:
    """min over the weights w of mean (y - A D(w))^2 by Adam; D has a fixed random input.

    All images of a problem are fitted at once, each with a network of its own, see
    :class:`~bitprior_train.surgery.baselines.decoder_networks.DecoderNetworks`.

    Args:
        channels: k; None: the paper's, for images of 64 x 64 and 128 x 128.
        steps: Of Adam.
        lr: Of Adam.
    """

    name = "Deep Decoder"

    def __init__(self, channels: int | None = None, steps: int = 5000, lr: float = 1e-2) -> None:
        self._channels, self._steps, self._lr = channels, steps, lr
        self.settings: dict[str, float | int | str] = {"steps": steps, "lr": lr}
        if channels:
            self.settings["channels"] = channels

    def recover(self, problem: Problem, seed: int, restarts: int) -> Recovered:
        """See :meth:`~bitprior_train.surgery.problem.Method.recover`; notes k in ``settings``.

        Raises:
            UsageError: Images that are not square with a side of 8, 16, 32 ..., or of a side for
                which the paper has no number of channels, and none was given.
        """
        check_geometry(problem.operator.geometry)
        channels = self._channels or _paper_channels(problem.operator.geometry)
        self.settings["channels"] = channels
        several = [self._restart(problem, channels, seed, restart) for restart in range(restarts)]
        return best_restart(several)

    def _restart(self, problem: Problem, channels: int, seed: int, restart: int) -> Recovered:
        streams = [(seed, _STREAM, restart, row) for row in range(len(problem.y))]
        draws = [np.random.default_rng(stream) for stream in streams]
        networks = DecoderNetworks(problem.operator.geometry, channels, draws)
        fit(problem, networks, [(networks.weights, self._lr)], self._steps)
        with torch.no_grad():
            return found(problem, networks(), networks.variables)


def _paper_channels(geometry: Geometry) -> int:
    side = geometry[1]
    if side not in CHANNELS:
        raise UsageError(
            "images of 64 x 64 or 128 x 128 pixels, or a number of channels",
            f"{side} x {side} and none",
            "set channels",
        )
    return CHANNELS[side]
