"""Random sensing operators to train over: block matrices of many kinds, ratios and noise levels."""

import numpy as np

from bitprior_runtime.sensing.covariance import Covariance
from bitprior_train.photo.problem import Problem, make_problem
from bitprior_train.photo.rows import KINDS, gaussian

# Share of measurements of large blocks, whose matrices cost most.
_LARGEST = {64: 0.2, 48: 0.3}


def draw_problem(random: np.random.Generator, covariance: Covariance, largest: int = 64) -> Problem:
    """Draw an operator with its frame and noise; a third are noisy, half of the frames padded.

    Args:
        random: What the draw is a function of.
        covariance: Of photos.
        largest: Largest side of a block.
    """
    known = {make: [s for s in sides if s <= largest] for make, (_, sides) in KINDS.items()}
    makers = [make for make, sides in known.items() if sides]
    shares = np.array([KINDS[make][0] for make in makers])
    if len(makers) < len(KINDS):
        shares = shares / shares.sum()
    make = makers[random.choice(len(makers), p=shares)]
    sides = known[make]
    size = int(sides[random.integers(len(sides))])
    ratio = float(np.exp(random.uniform(np.log(0.008), np.log(_LARGEST.get(size, 0.45)))))
    if make is gaussian and size == 33 and random.random() < 0.6:
        ratio = float(random.choice([10, 43, 109, 272], p=[0.15, 0.25, 0.25, 0.35])) / 1089
    m = max(1, round(ratio * size * size))
    matrix = make(random, size, m)
    noise = 0.0
    if random.random() < 0.33:
        # In units of a pixel: a row's noise grows with the row.
        pixel = float(np.exp(random.uniform(np.log(0.003), np.log(0.12))))
        noise = pixel * float(np.sqrt((matrix**2).sum(axis=1).mean()))
    side = 99 // size * size if size != 64 else 64
    frame = (side, side)
    if random.random() < 0.4 and size in (33, 32, 48, 40):
        frame = (int(side - random.integers(1, 24)), int(side - random.integers(1, 24)))
    return make_problem(matrix, size, frame, noise, covariance)
