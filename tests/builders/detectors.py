"""Scenes that look like photos, and readings of simulated detectors."""

import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from bitprior_runtime.model import load


@cache
def covariance():
    """Return the covariance of photos that comes with bitprior."""
    return load("photo-4bit").bundle.search.covariance


def scene(height, width, seed=0):
    """Return a picture in [0, 1] drawn from the covariance of photos, [height, width]."""
    known = covariance()
    values, vectors = np.linalg.eigh(known.between(height, width))
    white = np.random.default_rng(seed).standard_normal(len(values))
    picture = known.mean + vectors @ (np.sqrt(np.maximum(values, 0)) * white)
    return np.clip(picture, 0, 1).reshape(height, width)


def measured(operator, picture):
    """Return A x as float64, [m]."""
    return operator.forward(picture[None, None].astype(np.float32))[0].astype(np.float64)


def acquisition(name):
    """Return the path of a real acquisition, or skip the test that needs it."""
    folder = os.environ.get("BITPRIOR_DATA")
    path = Path(folder or "missing") / "acquisitions" / f"{name}.npz"
    if not path.is_file():
        pytest.skip(f"needs BITPRIOR_DATA with acquisitions/{name}.npz")
    return path
