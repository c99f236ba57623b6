"""What ``bitprior evaluate`` found: results, one a file, with a row for each prior."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LINEAR = ("gaussian", "rademacher")
LINEAR_RESIDUAL = "linear-residual"
FLOAT_BITS = 32


@dataclass(frozen=True)
class Mean:
    """A mean over images.

    Attributes:
        mean: Mean.
        half_width: Half of its 95 % confidence interval.
    """

    mean: float
    half_width: float


@dataclass(frozen=True)
class Weights:
    """How a generator's weights are spread.

    Attributes:
        unit: ``level``: integers of the quantiser's grid; ``deviation``: bins of standard
            deviations.
        at: Levels, or centres of the bins.
        share: Share of the weights there.
    """

    unit: str
    at: Sequence[float]
    share: Sequence[float]


@dataclass(frozen=True)
class Solver:
    """The solver that ran.

    Attributes:
        name: Its name.
        steps: Its steps.
        sparsity: s of P_s; None: dense latents.
        projection: What followed P_s.
        variant: Whether it was more than the papers' loop: line search or momentum.
    """

    name: str
    steps: int
    sparsity: int | None
    projection: str
    variant: bool

    @property
    def papers(self) -> bool:
        """Whether this is the papers' proximal loop."""
        return self.name == "proximal" and not self.variant


@dataclass(frozen=True)
class Row:
    """One prior, evaluated.

    Attributes:
        bundle: Name of the bundle.
        system: How the papers call it, e.g. ``"4-bit Q-GEN"``.
        bits: Bit width of the generator's weights.
        measurements: m.
        sensing: What A is, e.g. ``"mlp"``.
        sensing_bits: Bit width of a sensing network's weights.
        seed: Seed of the training; None: not known.
        training_steps: Steps of Algorithm 1 that it was trained for; None: not known.
        goes_on: Whether its training started from another run.
        psnr: dB.
        ssim: Structural similarity.
        start_psnr: dB at z = y, where recoveries start there; None elsewhere.
        widths: Which weights have how many bits; empty where no one said.
        training_seconds: What the training took; None: not known.
        success_rate: Share of images phase retrieval found; None elsewhere.
        generator_bytes: Packed weights, scales and biases of G.
        bundle_bytes: The whole file.
        recovery_ms: Fastest wall time of recovering one image, batch 1.
        busy: Whether other work ran beside it, so that this time is too long.
        solver: What ran.
        restarts: Starts for each image.
        engine: Engine that ran.
        kernel: Kernel that ran.
        activation_bits: Of the integer engine.
        machine: What ran it.
        commit: Version of the code.
        made_by: Commands that train and export the bundle.
        weights: How G's weights are spread.
    """

    bundle: str
    system: str
    bits: int
    measurements: int
    sensing: str
    sensing_bits: int
    seed: int | None
    training_steps: int | None
    goes_on: bool
    psnr: Mean
    ssim: Mean
    start_psnr: Mean | None
    widths: str
    training_seconds: float | None
    success_rate: float | None
    generator_bytes: int
    bundle_bytes: int
    recovery_ms: float
    busy: bool
    solver: Solver
    restarts: int
    engine: str
    kernel: str
    activation_bits: int | None
    machine: str
    commit: str
    made_by: Sequence[str]
    weights: Weights

    @property
    def label(self) -> str:
        """``"4-bit"``, and ``"32-bit DCS"`` where it is not the system of the other widths."""
        return self.system if self.system.endswith("DCS") else f"{self.bits}-bit"

    @property
    def is_linear_residual(self) -> bool:
        """Whether it is a linear synthesis with a residual, not one of the papers' systems."""
        return self.system.endswith(LINEAR_RESIDUAL)

    @property
    def is_untrained(self) -> bool:
        """Whether it is deep compressed sensing that never was trained from scratch."""
        return self.system.endswith("DCS") and self.goes_on

    @property
    def arithmetic(self) -> str:
        """The engine, with its activation bits."""
        return (
            self.engine if self.activation_bits is None else f"{self.engine}{self.activation_bits}"
        )

    @property
    def is_phase(self) -> bool:
        """Whether A forgets signs."""
        return self.sensing.startswith("phase")


@dataclass(frozen=True)
class Baseline:
    """Something simpler, on the same test images.

    Attributes:
        label: E.g. ``"mean image"``.
        psnr: dB.
        ssim: Structural similarity.
    """

    label: str
    psnr: Mean
    ssim: Mean


@dataclass(frozen=True, eq=False)
class Samples:
    """A few test images and what was recovered of them.

    Attributes:
        original: uint8 [n,C,H,W].
        recovered: uint8 [rows,n,C,H,W].
        psnr: dB, [rows,n].
        ssim: [rows,n].
    """

    original: NDArray[np.uint8]
    recovered: NDArray[np.uint8]
    psnr: NDArray[np.float64]
    ssim: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Result:
    """One evaluation: some priors on the same test images.

    Attributes:
        name: Name of the file without its suffix.
        dataset: Data set of the test images.
        trained_on: Data sets the priors were trained on.
        part: Which of its images.
        resized: How the images were shrunk; ``"no"``.
        split_hash: Hash of the split.
        seed: Seed of the start latents.
        command: Command that evaluates again.
        rows: One a prior.
        baselines: Simpler priors.
        samples: Images to show, if they are there.
    """

    name: str
    dataset: str
    trained_on: Sequence[str]
    part: str
    resized: str
    split_hash: str
    seed: int
    command: str
    rows: Sequence[Row]
    baselines: Sequence[Baseline]
    samples: Samples | None

    @property
    def widest(self) -> Row:
        """The row of most bits that is no DCS: what gaps and ratios refer to."""
        return max(self.rows, key=lambda row: (not row.system.endswith("DCS"), row.bits))

    @property
    def stand_in(self) -> str:
        """Data sets trained on that are not the one tested on, by name; empty: it is the same."""
        return ", ".join(name for name in self.trained_on if name != self.dataset)
