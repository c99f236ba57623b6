"""A photo prior on a frame in plain numpy, and what its networks meet during searches."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.bundle import LearnedSearch
from bitprior_runtime.engines.tape import NumpyProgram
from bitprior_runtime.frames.reframe import reframe
from bitprior_runtime.program import Program
from bitprior_runtime.sensing import Blocks
from bitprior_runtime.sensing.drawn import gaussian_rows
from bitprior_runtime.sensing.linear_estimate import LinearEstimate
from bitprior_runtime.shapes import infer_shapes
from bitprior_runtime.solvers.learned import LearnedOptions, learned

Floats = NDArray[np.float32]

# Share of a block's pixels that are measured, and noise in the units of a pixel.
_PROBLEMS = ((0.01, 0.0), (0.04, 0.0), (0.1, 0.0), (0.1, 0.05), (0.25, 0.0), (0.4, 0.0))
_SIDE = 33
_SEED = 4


@dataclass(frozen=True, eq=False)
class Met:
    """What the programs were given.

    Attributes:
        u: Inputs of the start, [N, 2 * H * W].
        z: Inputs of generator and penalty, [M, k].
    """

    u: Floats
    z: Floats


def reframed(
    search: LearnedSearch, native: tuple[int, int], frame: tuple[int, int]
) -> LearnedSearch:
    """Return a search whose programs have the shapes of another frame."""
    start, penalty = (reframe(p, native, frame) for p in (search.start, search.penalty))
    return replace(search, start=start, penalty=penalty)


def searched(generator: Program, search: LearnedSearch, images: Floats) -> Met:
    """Recover images from random measurements and return what the programs met.

    Args:
        generator: Program z -> x at the frame of the images, whole multiples of the stride.
        search: The search at that frame.
        images: [N,1,H,W] in [0,1].
    """
    prior = _Recording(generator, search)
    for operator, noise, photos in problems(images):
        if not len(photos):
            continue
        linear = LinearEstimate(operator, search.covariance, noise)
        y = operator.forward(photos)
        if noise:
            drawn = np.random.default_rng(_SEED).standard_normal(y.shape, dtype=np.float32)
            y = y + np.float32(noise) * drawn
        options = LearnedOptions(steps=search.schedule.steps)
        learned(prior, search.schedule, search.covariance.mean, linear, y, options)
    return Met(np.concatenate(prior.met_u), np.concatenate(prior.met_z))


def problems(images: Floats) -> Iterator[tuple[Blocks, float, Floats]]:
    """Share images out among random operators: an operator, its noise, and its images.

    Args:
        images: [N,1,H,W] in [0,1].
    """
    frame = (images.shape[2], images.shape[3])
    side = min(_SIDE, *frame)
    for index, (share, noise) in enumerate(_PROBLEMS):
        m = max(1, round(share * side * side))
        # Orthonormal rows: a measurement's noise is a pixel's.
        yield (
            Blocks(gaussian_rows(m, side, _SEED + index), side, frame),
            noise,
            images[index :: len(_PROBLEMS)],
        )


@dataclass
class _Recording:
    """A prior bound to its programs' frame that keeps what it is asked."""

    generator: Program
    search: LearnedSearch
    met_u: list[Floats] = field(default_factory=list)
    met_z: list[Floats] = field(default_factory=list)

    def __post_init__(self) -> None:
        search = self.search
        self._drawn = NumpyProgram(self.generator, np.float32)
        self._started = NumpyProgram(search.start, np.float32)
        self._priced = NumpyProgram(search.penalty, np.float32)
        self._image = infer_shapes(self.generator)[self.generator.output]
        self._priced_shape = infer_shapes(search.penalty)[search.penalty.output]
        maps = infer_shapes(search.start)[search.start.output]
        self.maps = (maps[0], maps[1], maps[2])
        self.frame = (self._image[1], self._image[2])
        self.latent = int(np.prod(self.maps))

    def generate(self, z: Floats) -> Floats:
        """Return G(z), [B,1,H,W]."""
        self.met_z.append(z)
        found: Floats = self._drawn.forward({"z": z})[self.generator.output]
        return found

    def vjp(self, z: Floats, cotangent: Floats) -> Floats:
        """Return J_G^T c, [B,k]."""
        found: Floats = self._drawn.backward(self._drawn.forward({"z": z}), cotangent)["z"]
        return found

    def start(self, u: Floats) -> Floats:
        """Return z0, [B,k]."""
        flat = u.reshape(len(u), -1)
        self.met_u.append(flat)
        program = self.search.start
        values = self._started.forward({next(iter(program.inputs)): flat})
        return values[program.output].reshape(len(u), -1)

    def penalty(self, z: Floats) -> Floats:
        """Return K1 z, [B, P * h * w]."""
        self.met_z.append(z)
        values = self._priced.forward({"z": z})
        return values[self.search.penalty.output].reshape(len(z), -1)

    def penalty_vjp(self, z: Floats, w: Floats) -> Floats:
        """Return K1^T w, [B,k]."""
        values = self._priced.forward({"z": z})
        shaped = w.reshape(len(w), *self._priced_shape)
        found: Floats = self._priced.backward(values, shaped)["z"]
        return found
