"""What ``bitprior evaluate`` found on photos: results, one a file, with a row for each method."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bitprior_export.report.results import Mean

PRIOR = "prior"
# The archive of matrices that methods of the literature are compared with.
PUBLISHED_MATRICES = "block_matrices.npz"


@dataclass(frozen=True)
class PhotoPrior:
    """A prior, and how it was run.

    Attributes:
        bundle: Name of the bundle.
        bits: Bit width that it is called by.
        name_line: All of its widths, e.g. ``"1-bit, D 8-bit, mean 1.2"``.
        mean_bits: Mean over all weights of all of its networks.
        widths: How many weights have how many bits, the fewest bits first.
        generator_bytes: Packed weights, scales and biases of G.
        bundle_bytes: The whole file.
        solver: What ran.
        steps: Its steps.
        engine: Engine that ran.
        kernel: Kernel that ran.
        busy: Whether other work ran beside it.
        machine: What ran it.
        commit: Version of the code.
    """

    bundle: str
    bits: int
    name_line: str
    mean_bits: float
    widths: Sequence[tuple[int, int]]
    generator_bytes: int
    bundle_bytes: int
    solver: str
    steps: int
    engine: str
    kernel: str
    busy: bool
    machine: str
    commit: str

    @property
    def label(self) -> str:
        """The name line, and the engine where it is not the float engine."""
        text = self.name_line
        return text if self.engine == "float" else f"{text}, {self.engine} engine"


@dataclass(frozen=True)
class PhotoTime:
    """Wall times of recoveries of photos of one frame.

    Attributes:
        height: Pixels.
        width: Pixels.
        count: Photos.
        fastest: ms.
        mean: ms.
    """

    height: int
    width: int
    count: int
    fastest: float
    mean: float


@dataclass(frozen=True)
class PhotoRow:
    """One method with one operator.

    Attributes:
        operator: The operator as text.
        operator_kind: ``blocks``, ``gaussian-blocks``, ...
        matrix_file: File and key of its matrix; None: it is drawn.
        m: Measurements of a block.
        n: Pixels of a block.
        noise: Deviation of the noise over the root mean square of what is measured.
        method: ``prior``, or the name of what needs none.
        prior: The prior; None: there is none.
        photos: How many.
        psnr: dB.
        ssim: Structural similarity.
        start_psnr: Before any step of the search, dB; None: there is no search.
        psnr_of: dB of each photo.
        loss: Mean squared residual over the mean square of what was measured; None: no search.
        times: By frame.
    """

    operator: str
    operator_kind: str
    matrix_file: str | None
    m: int
    n: int
    noise: float
    method: str
    prior: PhotoPrior | None
    photos: int
    psnr: Mean
    ssim: Mean
    start_psnr: Mean | None
    psnr_of: Sequence[float]
    loss: float | None
    times: Sequence[PhotoTime]

    @property
    def label(self) -> str:
        """What a table calls the method."""
        return self.method if self.prior is None else self.prior.label

    @property
    def percent(self) -> str:
        """Measurements in per cent of the pixels, as papers name it: ``"10 %"``."""
        return f"{100 * self.m / self.n:.0f} %"

    @property
    def published(self) -> bool:
        """Whether this is noise-free sensing with the matrices of the literature."""
        name = (self.matrix_file or "").partition("#")[0]
        return self.noise == 0 and name == PUBLISHED_MATRICES


@dataclass(frozen=True, eq=False)
class PhotoPictures:
    """A few photos and what was made of them.

    Attributes:
        original: uint8 [n,1,H,W].
        recovered: uint8 [k,n,1,H,W].
        psnr: dB, [k,n].
        ssim: [k,n].
        rows: Row of the result that each belongs to, [k].
    """

    original: NDArray[np.uint8]
    recovered: NDArray[np.uint8]
    psnr: NDArray[np.float64]
    ssim: NDArray[np.float64]
    rows: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PhotoResult:
    """One evaluation on photos.

    Attributes:
        name: Name of the file without its suffix.
        dataset: Set of photos.
        part: What of it they are.
        names: Names of the photos.
        seed: Seed of the noise.
        command: Command that evaluates again.
        rows: By operator, then by method.
        pictures: Photos to show, if they are there.
    """

    name: str
    dataset: str
    part: str
    names: Sequence[str]
    seed: int
    command: str
    rows: Sequence[PhotoRow]
    pictures: PhotoPictures | None
