"""Small photos, and a folder of them as BITPRIOR_DATA names it."""

from pathlib import Path

import numpy as np

from bitprior_export.bundle.writer import write_bundle
from builders.photo import photo_bundle

SIDE = 4
FRAMES = {"set11_a": (12, 10), "set11_b": (9, 9), "set11_c": (12, 10), "bsd68_d": (8, 13)}


def smooth(random: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A photo of some waves, uint8."""
    y, x = np.indices((height, width))
    waves = [
        np.sin(2 * np.pi * (a * y + b * x) + c)
        for a, b, c in random.uniform((-0.15, -0.15, 0), (0.15, 0.15, 6), (4, 3))
    ]
    return np.rint(255 * (0.5 + 0.12 * sum(waves))).clip(0, 255).astype(np.uint8)


def data_folder(folder: Path) -> Path:
    """Fill a folder with photos.npz and block_matrices.npz, for blocks of SIDE x SIDE."""
    random = np.random.default_rng(5)
    arrays = {name: smooth(random, *frame) for name, frame in FRAMES.items()}
    training = np.stack([smooth(random, 40, 40) for _ in range(32)])
    np.savez(folder / "photos.npz", train_x=training, **arrays)
    matrix = np.linalg.qr(random.standard_normal((SIDE * SIDE, 6)))[0].T.astype(np.float32)
    np.savez(folder / "block_matrices.npz", ratio10=matrix)
    return folder


def write_priors(folder: Path) -> Path:
    """Put photo priors of 4 bits, and of 1 bit with a linear part of 8, into a folder."""
    write_bundle(folder / "photo-4bit.bitprior", photo_bundle(4))
    write_bundle(folder / "photo-1bit.bitprior", photo_bundle(1, linear_bits=8))
    return folder
