"""What is measured of photos: operators by their text, and noise on what they measure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.sensing.blocks import Rectangles
from bitprior_runtime.sensing.operator import Shape
from bitprior_runtime.sensing.text import parse_blocks
from bitprior_train.photo_evaluation.photos import Photo


@dataclass(frozen=True)
class Sensing:
    """An operator and a noise, for photos of any frame.

    Attributes:
        text: The operator as a command line names it.
        noise: Standard deviation of the noise as a share of the root mean square of the
            measurements of a photo without noise: 0.01 is 1 %.
        seed: Seed of the noise.
    """

    text: str
    noise: float = 0.0
    seed: int = 0

    def at(self, frame: Shape) -> Rectangles:
        """Return the operator for photos of a frame.

        Raises:
            UsageError: The text names none, or the frame is smaller than a block.
        """
        return parse_blocks(self.text, frame)

    @property
    def shown(self) -> str:
        """The text without the folders of this machine."""
        return re.sub(r"((?:^|[:=,]))([^:=,]*/)", r"\1", self.text)

    @property
    def kind(self) -> str:
        """What kind of operator it is: ``blocks``, ``gaussian-blocks``, ..."""
        return self.text.partition(":")[0]

    @property
    def file(self) -> str | None:
        """Name of the file that its matrix is in, with the key; None: it is drawn."""
        found = re.search(r"(?:matrix=|^matrix:)(?P<file>[^,]+)", self.text)
        return PurePath(found["file"]).name if found else None


@dataclass(frozen=True, eq=False)
class Measured:
    """One photo, measured.

    Attributes:
        photo: The original [1,1,H,W].
        y: Measurements [1,m].
        noise: Standard deviation of the noise in y, in its units.
    """

    photo: NDArray[np.float32]
    y: NDArray[np.float32]
    noise: float


def measure(sensing: Sensing, operator: Rectangles, photo: Photo, index: int) -> Measured:
    """Measure a photo in float32; its noise is a function of the seed and the photo's index.

    Args:
        sensing: Says what noise.
        operator: Of the photo's frame.
        photo: [H,W].
        index: Which of the set it is.
    """
    image = photo[np.newaxis, np.newaxis]
    y = operator.forward(image)
    if sensing.noise == 0:
        return Measured(image, y, 0.0)
    deviation = sensing.noise * float(np.sqrt(np.square(y, dtype=np.float64).mean()))
    drawn = np.random.default_rng((sensing.seed, index)).standard_normal(y.shape)
    return Measured(image, (y + deviation * drawn).astype(np.float32), deviation)


def frames_of(photos: Sequence[Photo]) -> Sequence[Shape]:
    """Return the frames of photos, each once, in their order."""
    return list(dict.fromkeys((photo.shape[0], photo.shape[1]) for photo in photos))
