"""What ``bitprior compare-methods`` found: methods that recover the same images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

GAUSSIAN, RAW, INITS, CUTS, MASK, SUPERRES = EXPERIMENTS = (
    "gaussian", "raw", "inits", "cuts", "mask", "superres",
)  # fmt: skip
GS, NO_GS, UNTRAINED, ILO, LASSO, IAGAN, DECODER, MGAN, CUT_BEFORE = METHODS = (
    "GS", "CSGM", "Untrained GS", "ILO", "Lasso-DCT", "IAGAN", "Deep Decoder", "mGANprior",
    "Cut before training",
)  # fmt: skip
# These use no prior that was trained.
PRIORLESS = (LASSO, DECODER)
# Images that the prior itself made: it can show them without error.
OWN_SAMPLES = "own samples"


@dataclass(frozen=True)
class Quality:
    """PSNR of some images, dB.

    Attributes:
        mean: Mean over images.
        deviation: Standard deviation over images.
        values: One an image, in the order of the images.
    """

    mean: float
    deviation: float
    values: Sequence[float]


@dataclass(frozen=True, eq=False)
class Trial:
    """One method with one operator, on all images.

    Attributes:
        method: One of METHODS.
        prior: ``dcgan``, ``began`` or ``vae``; None: no prior.
        prior_run: Name of the run that trained it.
        bits: Bit width of its weights.
        filters: Its width.
        cut: Blocks cut away; 0: none.
        init: How latents start.
        operator: A, e.g. ``"gaussian:m=600,seed=0"``.
        measurements: m.
        pixels: n, numbers in an image.
        images: Images recovered.
        psnr: dB.
        loss: Mean measurement loss.
        variables: Numbers that were optimised for an image.
        restarts: Starts for each image.
        seconds: Wall time.
        settings: The method's settings.
        recovered: The first images, uint8 [n,C,H,W], if they are there.
    """

    method: str
    prior: str | None
    prior_run: str | None
    bits: int | None
    filters: int | None
    cut: int | None
    init: str | None
    operator: str
    measurements: int
    pixels: int
    images: int
    psnr: Quality
    loss: float
    variables: int
    restarts: int
    seconds: float
    settings: Mapping[str, str]
    recovered: NDArray[np.uint8] | None

    @property
    def network(self) -> str | None:
        """The prior's network, e.g. ``"dcgan, 32 filters"``; None: no prior."""
        return None if self.prior is None else f"{self.prior}, {self.filters} filters"


@dataclass(frozen=True, eq=False)
class Comparison:
    """One run of ``bitprior compare-methods``.

    Attributes:
        name: Name of the file without its suffix.
        experiment: One of EXPERIMENTS.
        dataset: Data set of the images, or OWN_SAMPLES.
        part: Which of its images.
        split_hash: Hash of the split.
        command: Command that compares again.
        seed: Seed of noise and starts.
        machine: What ran it.
        commit: Version of the code.
        trials: What was run.
        original: The first images, uint8 [n,C,H,W], if they are there.
    """

    name: str
    experiment: str
    dataset: str
    part: str
    split_hash: str
    command: str
    seed: int
    machine: str
    commit: str
    trials: Sequence[Trial]
    original: NDArray[np.uint8] | None
