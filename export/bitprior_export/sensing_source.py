"""What ``--sensing`` names: an ONNX file of a sensing network, or a measurement operator."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bitprior_export.qonnx.document import open_onnx
from bitprior_export.qonnx.interface import take_images
from bitprior_export.qonnx.reader import Translation, translate
from bitprior_export.sensing_operators import (
    OPERATORS,
    build_operator,
    looks_like_operator,
    parse_operator,
)
from bitprior_runtime.errors import UsageError
from bitprior_runtime.program import Shape


@dataclass(frozen=True, eq=False)
class OpenedSensing:
    """A sensing network.

    Attributes:
        network: x -> y.
        kind: What it is: the operator's kind, or ``"network"``.
        operator: The operator's kind and numbers; None: it is a file.
        file: That file; None: it is an operator.
    """

    network: Translation
    kind: str
    operator: Mapping[str, Any] | None = None
    file: Path | None = None


def open_sensing(text: str, geometry: Shape, bits: int | None = None) -> OpenedSensing:
    """Open what ``--sensing`` names.

    Args:
        text: An ONNX file, or an operator such as ``gaussian:m=250,seed=0``.
        geometry: (C, H, W) of the images.
        bits: Bits that its float weights are quantised to, or None.

    Raises:
        MissingFileError: The file cannot be read.
        QonnxError, UnsupportedOpError: The network is not one a program can hold.
        UsageError: It is neither, or an operator with other numbers than it takes.
    """
    if looks_like_operator(text):
        operator = parse_operator(text)
        c, h, w = geometry if len(geometry) == 3 else (*geometry, 1, 1, 1)[:3]
        model = build_operator(operator, (c, h, w))
        facts = {"kind": operator.kind, **operator.numbers}
        network = translate(model, "sensing", "x", "y", bits)
        return OpenedSensing(network, operator.kind, operator=facts)
    path = Path(text)
    if not path.exists() and ":" in text:
        raise UsageError(
            f"an ONNX file, or an operator such as {', '.join(OPERATORS)}",
            f"{text[:80]!a}",
            "check --sensing",
        )
    network = translate(take_images(open_onnx(path), geometry), "sensing", "x", "y", bits)
    return OpenedSensing(network, "network", file=path)
