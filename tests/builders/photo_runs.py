"""Runs of photo priors with random weights and a few steps, on drawn photos."""

from pathlib import Path

import numpy as np
import torch

from bitprior_runtime.sensing.covariance import covariance_of
from bitprior_train.photo.config import PhotoConfig
from bitprior_train.photo.finish import finish_photo
from bitprior_train.photo.leaves import dead_leaves
from bitprior_train.photo.networks import PhotoNetworks
from bitprior_train.photo.photos import PhotoSets

CHANNELS, STEPS = 6, 3
LAGS = 30
_SMALL = 33  # side of photos whose crops only calibrate


def drawn_sets(side: int = 99) -> PhotoSets:
    """Return eight drawn photos to train on and four to validate with."""
    photos = dead_leaves(12, side, 7)
    return PhotoSets(photos[:8], (), photos[8:], "0" * 64, ("dead-leaves",))


def photo_config(bits: int, channels: int = CHANNELS, **optimiser: float) -> PhotoConfig:
    """Return a configuration of a tiny prior; D has 8 bits, the edges 4, unless all have 32."""
    low = {"edge_bits": 4, "linear_bits": 8} if bits != 32 else {}
    model = {"channels": channels, "steps": STEPS, "bits": bits, **low}
    return PhotoConfig.model_validate(
        {
            "data": {"name": "dead-leaves"},
            "model": model,
            "optimiser": {"steps": 4, "crops": 1, **optimiser},
            "operators": {"largest": 16},
            "validation": {"photos": 2, "block": 16},
            "run": {"log_every": 1, "checkpoint_every": 2},
        }
    )


def random_networks(config: PhotoConfig, mean: float = 0.45) -> PhotoNetworks:
    """Return networks with random weights, a penalty and a schedule that do something."""
    torch.manual_seed(3)
    networks = PhotoNetworks(config.model, mean)
    with torch.no_grad():
        for name, value in networks.named_parameters():
            if "scaling_impl" not in name and name.startswith(("generator", "start", "penalty")):
                value.add_(0.1 * torch.randn_like(value))
        for value in networks.schedule.parameters():
            value.mul_(1 + 0.3 * torch.randn_like(value)).add_(0.02 * torch.randn_like(value))
        networks.schedule.step_size.mul_(0.3)
    networks.weights()  # learned scales take their start from the weights
    return networks


def photo_run(folder: Path, bits: int, channels: int = CHANNELS) -> PhotoNetworks:
    """Write what the end of a training writes, and return the networks."""
    config, sets = photo_config(bits, channels), drawn_sets(_SMALL)
    covariance = covariance_of(sets.main.astype(np.float32) / 255, LAGS)
    networks = random_networks(config, covariance.mean)
    folder.mkdir(parents=True, exist_ok=True)
    meta = {"step": 4, "seconds": 1.0, "init_from": "/somewhere/else/photo-32bit", "psnr": {}}
    finish_photo(folder, config, sets, networks, covariance, meta)
    return networks
