"""Which ONNX files a prior of any frame has beside it, and what each is.

``generate.onnx`` and ``vjp.onnx`` are all that a search needs of the prior, with whatever operator;
of a learned search there are ``start.onnx``, ``penalty.onnx`` and ``penalty_vjp.onnx`` too. Latents
are maps [B,C,h,w] in all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from bitprior_runtime.bundle import Bundle
from bitprior_runtime.bundle.manifest import NO_MEASUREMENT, ProgramName


@dataclass(frozen=True)
class FrameGraph:
    """One of the graphs.

    Attributes:
        which: The program it is of.
        source: Name of the program's input in the graph.
        target: Name of the program's output in the graph.
        adjoint: Whether it is the program's vector-Jacobian product: from the input, if it depends
            on that, and ``cotangent`` to ``gradient``.
    """

    which: ProgramName
    source: str
    target: str
    adjoint: bool = False

    @property
    def output(self) -> str:
        """Name of the graph's output."""
        return "gradient" if self.adjoint else self.target


FRAME_GRAPHS: Mapping[str, FrameGraph] = {
    "generate": FrameGraph("generator", "z", "image"),
    "vjp": FrameGraph("generator", "z", "image", adjoint=True),
    "start": FrameGraph("start", "u", "z"),
    "penalty": FrameGraph("penalty", "z", "w"),
    "penalty_vjp": FrameGraph("penalty", "z", "w", adjoint=True),
}


def serves_frames(bundle: Bundle) -> bool:
    """Return whether a bundle's ONNX files are these: of a prior that measures nothing itself."""
    manifest = bundle.manifest
    return manifest.frames is not None and manifest.measurement.kind == NO_MEASUREMENT


def frame_kinds(bundle: Bundle) -> tuple[str, ...]:
    """Return the kinds of files of such a bundle."""
    return tuple(
        kind
        for kind, graph in FRAME_GRAPHS.items()
        if graph.which == "generator" or bundle.search is not None
    )
