"""What a report shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Row:
    """One prior, evaluated.

    Attributes:
        label: E.g. ``"4-bit"``.
        bits: Bit width of the generator's weights.
        psnr: Mean over the test images, dB.
        psnr_half_width: Half of its 95 % confidence interval, dB.
        ssim: Mean over the test images.
        ssim_half_width: Half of its 95 % confidence interval.
        generator_bytes: Packed weights, scales and biases of the generator.
        bundle_bytes: The whole file, sensing network and golden cases included.
        recovery_ms: Median wall time of recovering one image, batch 1.
        engine: Engine that ran.
        kernel: Kernel that ran.
    """

    label: str
    bits: int
    psnr: float
    psnr_half_width: float
    ssim: float
    ssim_half_width: float
    generator_bytes: int
    bundle_bytes: int
    recovery_ms: float
    engine: str
    kernel: str


@dataclass(frozen=True)
class Baseline:
    """Something simpler, on the same test images.

    Attributes:
        label: E.g. ``"mean image"``.
        psnr: Mean over the test images, dB.
        ssim: Mean over the test images.
    """

    label: str
    psnr: float
    ssim: float


@dataclass(frozen=True, eq=False)
class Report:
    """Everything a report shows.

    Attributes:
        title: Heading.
        summary: One paragraph for a reader who has not seen the project.
        rows: One a prior, the widest first.
        baselines: Simpler priors.
        original: Images [N,C,H,W] shown in the first line of the grid.
        recovered: The same images recovered, by row label.
        recovered_psnr: PSNR of each of these, by row label, [N] dB.
        facts: What was run: data set, split, seeds, machine, versions, command.
    """

    title: str
    summary: str
    rows: Sequence[Row]
    baselines: Sequence[Baseline]
    original: NDArray[np.float32]
    recovered: Mapping[str, NDArray[np.float32]]
    recovered_psnr: Mapping[str, NDArray[np.float64]]
    facts: Mapping[str, str]
