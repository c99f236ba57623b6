"""Metrics of phase retrieval: |A x| does not know x from -x, so neither may its metric.

The sign is resolved here and nowhere else: no restart is chosen by the truth.
"""

import numpy as np
from numpy.typing import NDArray

from bitprior_train.metrics import psnr

SUCCESS_DB = 25.0


def sign_resolved(images: NDArray[np.float32], truth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return each image, or its negative where that is nearer to the original.

    Args:
        images: [N,C,H,W].
        truth: [N,C,H,W].

    Returns:
        As ``images``; of equal distances the image itself.
    """
    kept = np.square(images - truth).sum(axis=(1, 2, 3))
    turned = np.square(images + truth).sum(axis=(1, 2, 3))
    resolved: NDArray[np.float32] = np.where(
        (turned < kept)[:, np.newaxis, np.newaxis, np.newaxis], -images, images
    )
    return resolved


def success_rate(
    images: NDArray[np.float32], truth: NDArray[np.float32], decibels: float = SUCCESS_DB
) -> float:
    """Return the share of images, signs resolved, whose PSNR is at least ``decibels``.

    Args:
        images: Recovered images [N,C,H,W].
        truth: Originals [N,C,H,W] in [0,1].
        decibels: PSNR, dB, that counts as success.
    """
    return float((psnr(sign_resolved(images, truth), truth) >= decibels).mean())
