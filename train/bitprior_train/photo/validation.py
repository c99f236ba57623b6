"""Recovery of validation photos from random Gaussian blocks of four ratios."""

import numpy as np
import torch
from torch import Tensor

from bitprior_runtime.sensing.covariance import Covariance
from bitprior_train.photo.networks import PhotoNetworks
from bitprior_train.photo.photos import Photos
from bitprior_train.photo.problem import Problem, make_problem
from bitprior_train.photo.rows import gaussian
from bitprior_train.photo.search import Search, squared_errors

# Share of the pixels, and measurements of blocks of 33 x 33 as they are published.
RATIOS = {"1%": (0.01, 10), "4%": (0.04, 43), "10%": (0.1, 109), "25%": (0.25, 272)}
PUBLISHED = 33
_SEED = 3  # of matrices that no training draws
_AT_ONCE = 4


class Validation:
    """Validation photos, measured.

    Args:
        photos: [N,H,W] uint8.
        covariance: Of photos.
        low: Type of the convolutions' operands.
        block: Side of the blocks.
    """

    def __init__(
        self, photos: Photos, covariance: Covariance, low: torch.dtype, block: int = PUBLISHED
    ) -> None:
        self._photos = torch.from_numpy(photos[:, None].astype(np.float32) / 255)
        self._covariance, self._low, self._block = covariance, low, block
        self._problems: list[tuple[str, Problem]] = []

    def psnr(self, networks: PhotoNetworks, steps: int) -> dict[str, float]:
        """Return mean PSNR in dB by ratio, at the start and after the search's steps."""
        result: dict[str, float] = {}
        with torch.no_grad():
            search = Search(networks, self._low)
            for name, problem in self._measured():
                ends, starts = [], []
                for photo in self._photos.split(_AT_ONCE):
                    seen = _padded(photo)
                    found = search.run(problem, problem.measure(seen), steps)
                    ends.append(psnr_of(problem, found.image, seen))
                    starts.append(psnr_of(problem, found.start, seen))
                result[f"psnr_{name}"] = round(float(torch.cat(ends).mean()), 3)
                result[f"start_{name}"] = round(float(torch.cat(starts).mean()), 3)
        return result

    def _measured(self) -> list[tuple[str, Problem]]:
        if not self._problems:
            (height, width), side = self._photos.shape[2:], self._block
            for name, (share, published) in RATIOS.items():
                m = published if side == PUBLISHED else max(1, round(share * side * side))
                matrix = gaussian(np.random.default_rng((_SEED, m)), side, m)
                problem = make_problem(matrix, side, (height, width), 0.0, self._covariance)
                self._problems.append((name, problem))
        return self._problems


def psnr_of(problem: Problem, image: Tensor, truth: Tensor) -> Tensor:
    """Return the PSNR of each image, clipped to [0,1], inside the frame, dB."""
    return -10 * torch.log10(squared_errors(problem, image.clamp(0, 1), truth))


def _padded(image: Tensor) -> Tensor:
    height, width = image.shape[2:]
    return torch.nn.functional.pad(image, (0, width % 2, 0, height % 2))
