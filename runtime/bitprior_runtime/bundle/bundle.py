"""A bundle in memory."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.bundle.manifest import Manifest, ProgramName
from bitprior_runtime.bundle.manifest_json import program_names
from bitprior_runtime.bundle.search import LearnedSearch
from bitprior_runtime.program import Program


@dataclass(frozen=True, eq=False)
class GoldenCases:
    """Real latents and measurements with what the float engine makes of them; all float32.

    Attributes:
        latents: z, [N, k].
        measurements: y, [N, m].
        images: G(z), [N, C, H, W].
        sensed: A(G(z)), [N, m].
        gradients: Gradient of f at z against y, [N, k].
        losses: f(z) = ||y - A(G(z))||^2, [N].
        trace: f along 10 steps of a recovery from z against y, [11, N]; entry 0 is f(z).
    """

    latents: NDArray[np.float32]
    measurements: NDArray[np.float32]
    images: NDArray[np.float32]
    sensed: NDArray[np.float32]
    gradients: NDArray[np.float32]
    losses: NDArray[np.float32]
    trace: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Bundle:
    """A model: generator, sensing network, golden cases, manifest, and perhaps a learned search.

    Attributes:
        manifest: What the bundle says about itself.
        generator: Program z -> x.
        sensing: Program x -> y; the identity, one Flatten, if the manifest's measurement is of
            the kind ``"none"``.
        golden: Golden cases.
        search: The learned search, or None.
    """

    manifest: Manifest
    generator: Program
    sensing: Program
    golden: GoldenCases
    search: LearnedSearch | None = None

    @property
    def stored_programs(self) -> dict[ProgramName, Program]:
        """The programs that its file holds, by name."""
        known: dict[ProgramName, Program] = {"generator": self.generator, "sensing": self.sensing}
        if self.search is not None:
            known |= {"start": self.search.start, "penalty": self.search.penalty}
        names = program_names(self.manifest.measurement, self.search is not None)
        return {name: known[name] for name in names}
