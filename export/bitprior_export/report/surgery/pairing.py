"""Differences in PSNR, image by image, with their intervals."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, sqrt
from statistics import NormalDist, mean, stdev
from typing import TypeAlias

from bitprior_export.report.surgery.selection import Found

# Fewer images give no interval worth its name.
FEWEST = 3
_CONFIDENCE = 0.95
# PSNR of the images measured from the front of a part of a data set.
Values: TypeAlias = Sequence[float]


@dataclass(frozen=True)
class Difference:
    """A difference of two means.

    Attributes:
        mean: dB.
        half_width: Half of its 95 % interval.
    """

    mean: float
    half_width: float

    @property
    def above(self) -> bool:
        """Whether the whole interval is above zero."""
        return self.mean > self.half_width

    @property
    def below(self) -> bool:
        """Whether the whole interval is below zero."""
        return self.mean < -self.half_width

    @property
    def negative(self) -> "Difference":
        """The difference the other way round."""
        return Difference(-self.mean, self.half_width)

    def __str__(self) -> str:
        return f"{self.mean:+.2f} ± {self.half_width:.2f} dB"


def paired(first: Found, second: Found) -> Difference | None:
    """Return PSNR of the first minus that of the second, on the images that both recovered.

    Returns:
        None where images, A or noise were not the same, or fewer than FEWEST images.
    """
    if problem_of(first) != problem_of(second) or first[1].operator != second[1].operator:
        return None
    return difference_of(first[1].psnr.values, second[1].psnr.values)


def problem_of(found: Found) -> tuple[object, ...]:
    """Return what images these are and how noise was drawn.

    ``first N`` images are the front of ``first M``, and the noise of an image does not depend on
    how many there are: they are compared on what they share.
    """
    comparison = found[0]
    part = re.sub(r"first \d+", "first", comparison.part)
    return comparison.dataset, part, comparison.split_hash, comparison.seed


def difference_of(first: Values, second: Values) -> Difference | None:
    """Return the mean of paired differences with its interval, by Student's t."""
    values = [a - b for a, b in zip(first, second, strict=False)]
    if len(values) < FEWEST:
        return None
    width = student(len(values) - 1) * stdev(values) / sqrt(len(values))
    return Difference(mean(values), width)


def unpaired(first: Values, second: Values) -> Difference | None:
    """Return the difference of two means over different images, variances not taken as equal."""
    if min(len(first), len(second)) < FEWEST:
        return None
    error = hypot(*(stdev(values) / sqrt(len(values)) for values in (first, second)))
    degrees = min(len(first), len(second)) - 1
    return Difference(mean(first) - mean(second), student(degrees) * error)


def student(degrees: int) -> float:
    """Return the 97.5 % quantile of Student's t by its expansion around the normal one.

    Within 0.3 % from 4 degrees of freedom on, 3 % at 2.
    """
    z = NormalDist().inv_cdf((1 + _CONFIDENCE) / 2)
    return (
        z
        + (z**3 + z) / (4 * degrees)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * degrees**3)
    )
