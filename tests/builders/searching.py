"""A photo prior on torch as the runtime's solvers see priors of a frame, and made-up photos."""

from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from bitprior_runtime.bundle.search import Schedule
from bitprior_runtime.sensing.covariance import Covariance, covariance_of
from bitprior_train.photo.config import PhotoModelConfig
from bitprior_train.photo.networks import PhotoNetworks
from bitprior_train.photo.search import Search

Floats = NDArray[np.float32]
MEAN = 0.45


def made_up_photos(count: int, height: int, width: int, seed: int = 0) -> Floats:
    """Return smooth images with edges, [N,1,H,W] in [0,1]."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / 32.0
    photos = np.full((count, height, width), MEAN)
    for kx, ky, phase, level in random.standard_normal((6, 4, count, 1, 1)):
        photos = photos + 0.08 * level * np.sin(1.6 * (kx * x + ky * y) + 6 * phase)
    photos += 0.2 * (y + random.random((count, 1, 1)) * x > 2)
    return np.clip(photos, 0, 1)[:, None].astype(np.float32)


def made_up_covariance() -> Covariance:
    """Return the covariance of made-up photos."""
    return covariance_of(made_up_photos(8, 96, 96, seed=1)[:, 0], 40)


def tiny_networks(channels: int = 6, steps: int = 4, seed: int = 0) -> PhotoNetworks:
    """Return a photo prior with a schedule whose every entry counts."""
    torch.manual_seed(seed)
    networks = PhotoNetworks(PhotoModelConfig(channels=channels, steps=steps), MEAN)
    with torch.no_grad():
        for name, value in networks.schedule.named_parameters():
            value.add_(0.05 * torch.randn(value.shape))
            if name == "shrinkage":
                value.mul_(0.1)
        networks.generator.hidden.bias.add_(0.1 * torch.randn(channels))
    return networks


def schedule_of(networks: PhotoNetworks) -> Schedule:
    """Return the schedule as a bundle holds it."""
    values = networks.schedule.named_parameters()
    return Schedule(**{name: value.detach().numpy().copy() for name, value in values})


class TorchPrior:
    """The networks on a frame, in float32."""

    name, kernel = "torch", "torch"

    def __init__(self, networks: PhotoNetworks, frame: tuple[int, int]) -> None:
        self.frame = frame
        channels = len(networks.generator.hidden.bias)
        self.maps = (channels, -(-frame[0] // 2), -(-frame[1] // 2))
        self.latent = int(np.prod(self.maps))
        with torch.no_grad():
            self.search = Search(networks, torch.float32)

    @torch.no_grad()
    def generate(self, z: NDArray[Any]) -> Floats:
        image = self.search.draw(self._latents(z))[0]
        return cast(Floats, image[:, :, : self.frame[0], : self.frame[1]].numpy())

    @torch.no_grad()
    def vjp(self, z: NDArray[Any], cotangent: NDArray[Any]) -> Floats:
        above = self.search.draw(self._latents(z))[1]
        return _flat(self.search.pull(self._padded(cotangent), above))

    @torch.no_grad()
    def start(self, u: NDArray[Any]) -> Floats:
        w, whole = self.search._weights, self._padded(u)
        maps = torch.relu(functional.conv2d(whole, w.first, w.first_bias, 2, 2))
        maps = functional.conv2d(maps, w.second, padding=1)
        return _flat(functional.conv2d(whole, w.skip, stride=2) + maps)

    @torch.no_grad()
    def penalty(self, z: NDArray[Any]) -> Floats:
        return _flat(functional.conv2d(self._latents(z), self.search._weights.penalty, padding=1))

    @torch.no_grad()
    def penalty_vjp(self, z: NDArray[Any], w: NDArray[Any]) -> Floats:
        return _flat(functional.conv2d(self._latents(w), self.search._penalty_back, padding=1))

    def _latents(self, z: NDArray[Any]) -> torch.Tensor:
        return torch.from_numpy(np.array(z, np.float32)).reshape(-1, *self.maps)

    def _padded(self, image: NDArray[Any]) -> torch.Tensor:
        height, width = self.frame
        return functional.pad(torch.from_numpy(np.array(image, np.float32)),
                              (0, width % 2, 0, height % 2))  # fmt: skip


def _flat(maps: torch.Tensor) -> Floats:
    return cast(Floats, maps.flatten(1).numpy())
