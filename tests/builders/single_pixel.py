"""A single-pixel camera of this machine: a scene, and a detector with faults."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def still_life(side: int) -> NDArray[np.float32]:
    """Return a drawn scene [side,side] in [0,1]: a shaded ball and a striped box on a table."""
    fine = 4 * side
    y, x = (np.indices((fine, fine)) + 0.5) / fine
    scene = np.where(y < 0.62, 0.75 - 0.35 * y - 0.1 * x, 0.35 + 0.25 * (y - 0.62))
    shadow = ((x - 0.42) / 0.3) ** 2 + ((y - 0.8) / 0.07) ** 2 < 1
    scene = np.where(shadow, 0.55 * scene, scene)
    box = (x > 0.58) & (x < 0.92) & (y > 0.3) & (y < 0.8)
    stripes = 0.25 + 0.45 * (((y - 0.3) * 12).astype(int) % 2)
    scene = np.where(box, stripes * (1.2 - 0.5 * (x > 0.8)), scene)
    across, down = (x - 0.33) / 0.22, (y - 0.58) / 0.22
    inside = across**2 + down**2
    toward = np.sqrt(np.clip(1 - inside, 0, 1))
    light = np.clip(0.55 * toward - 0.45 * across - 0.55 * down, 0, 1)
    scene = np.where(inside < 1, 0.12 + 0.8 * light, scene)
    whole = scene.reshape(side, 4, side, 4).mean(axis=(1, 3))
    return np.clip(whole, 0, 1).astype(np.float32)


@dataclass(frozen=True)
class FaultyDetector:
    """What light on a photodiode becomes.

    Attributes:
        gain: Counts for the light of the whole scene.
        offset: Counts without light.
        drift: Counts by which the offset grows in the end.
        noise: Standard deviation of a reading, counts.
        late: How many readings come before the first pattern is there.
    """

    gain: float = 400.0
    offset: float = 90.0
    drift: float = 6.0
    noise: float = 0.15
    late: int = 1

    def read(self, light: Floats, seed: int = 0) -> Floats:
        """Return as many readings as there are patterns.

        Args:
            light: Share of the scene's light that each pattern in turn lets through, [N].
            seed: Of the noise.
        """
        seen = np.concatenate([np.zeros(self.late), light])[: len(light)]
        slow = self.offset + self.drift * np.linspace(0, 1, len(light)) ** 2
        noise = self.noise * np.random.default_rng(seed).standard_normal(len(light))
        return self.gain * seen + slow + noise


def psnr(image: NDArray[np.float32], scene: NDArray[np.float32]) -> float:
    """Return the PSNR of an image after the affine fit of its gray levels to a scene, dB."""
    seen, wanted = image.ravel().astype(np.float64), scene.ravel().astype(np.float64)
    columns = np.stack([seen, np.ones_like(seen)], axis=1)
    error = wanted - columns @ np.linalg.lstsq(columns, wanted, rcond=None)[0]
    return float(-10 * np.log10(np.mean(error**2) / np.ptp(wanted) ** 2))
