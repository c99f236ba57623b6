"""Real images as videos, coded and decoded for real."""

import os
from functools import cache
from pathlib import Path

import cv2
import numpy as np

WIDTH, HEIGHT = 160, 120


@cache
def pictures() -> np.ndarray:
    """Return ten gray images of digits, uint8 [10,H,W]: MNIST's if it is there."""
    archive = Path(os.environ.get("BITPRIOR_DATA", "missing")) / "mnist.npz"
    if archive.is_file():
        with np.load(archive, allow_pickle=False) as arrays:
            return np.asarray(arrays["test_x"][:10], dtype=np.uint8)
    from sklearn.datasets import load_digits

    return (load_digits().images[:10] * (255 / 16)).astype(np.uint8)


def frames(count: int) -> np.ndarray:
    """Return RGB frames, uint8 [count,120,160,3]: digits in tones of orange, a bit wider than high.

    The image is in the middle 120 x 120 pixels, which is what a square prior sees.
    """
    film = np.zeros((count, HEIGHT, WIDTH, 3), np.uint8)
    for index in range(count):
        digit = pictures()[index % 10]
        big = cv2.resize(digit, (HEIGHT, HEIGHT), interpolation=cv2.INTER_LINEAR)
        for channel, share in enumerate((1.0, 0.6, 0.2)):
            film[index, :, 20:140, channel] = big * share
    return film


def write_video(path: Path, count: int = 12, rate: float = 30.0, codec: str = "MJPG") -> Path:
    """Write :func:`frames` as a video file."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), rate, (WIDTH, HEIGHT))
    assert writer.isOpened()
    for frame in frames(count):
        writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    writer.release()
    return path
