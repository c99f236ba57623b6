"""What an export starts from, whoever made it: networks, images, and what a manifest must say."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_export.errors import InterfaceError
from bitprior_export.qonnx.reader import Translation
from bitprior_runtime.bundle import SolverDefaults
from bitprior_runtime.shapes import infer_shapes


@dataclass(frozen=True, eq=False)
class Source:
    """Networks that are to become a bundle.

    Attributes:
        name: The bundle's name.
        generator: z [k] -> x [C,H,W] in [0,1].
        sensing: x -> y [m].
        measurement: What the sensing network is, e.g. ``"mlp"`` or ``"gaussian"``.
        images: Images for the golden cases, float32 [N,C,H,W] in [0,1].
        solver: How recoveries run unless the user says otherwise.
        licence: Licence note of the training data.
        training: Where the weights come from, as JSON.
        latents: Parts of the flat latent of a cut generator; None: one part, z.
        select: Let validation images decide how recoveries run; ``images`` are such.
    """

    name: str
    generator: Translation
    sensing: Translation
    measurement: str
    images: NDArray[np.float32]
    solver: SolverDefaults
    licence: str
    training: Mapping[str, Any]
    latents: Mapping[str, tuple[int, ...]] | None = None
    select: bool = False

    @property
    def latent(self) -> int:
        """K."""
        return ends(self.generator)[0][0]

    @property
    def geometry(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        c, h, w = ends(self.generator)[1]
        return (c, h, w)

    @property
    def measurements(self) -> int:
        """M."""
        return ends(self.sensing)[1][0]


Shape = tuple[int, ...]


def ends(network: Translation) -> tuple[Shape, Shape]:
    """Return the shapes of a network's input and output, without the batch."""
    program = network.program
    (source,) = program.inputs.values()
    return tuple(source), infer_shapes(program)[program.output]


def sha256_by_name(*files: Path | None) -> dict[str, str]:
    """Return the SHA-256 of files by their names, for the record; None stands for no file."""
    return {
        ascii(file.name)[1:-1]: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
        if file is not None
    }


def check_chain(generator: Translation, sensing: Translation) -> None:
    """Check z [k] -> x [C,H,W] -> y [m].

    Raises:
        InterfaceError: The networks do not fit each other.
    """
    (latent, image), (seen, measured) = ends(generator), ends(sensing)
    if len(latent) != 1 or len(image) != 3:
        raise InterfaceError(
            "a generator from latents [k] to images [C,H,W]",
            f"from {list(latent)} to {list(image)}",
            "export it so that it returns images, channels first",
        )
    if seen != image or len(measured) != 1:
        raise InterfaceError(
            f"a sensing network from the generator's images {list(image)} to measurements [m]",
            f"from {list(seen)} to {list(measured)}",
            "export one for images of this geometry, and flatten its output",
        )
