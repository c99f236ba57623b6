"""What is tried: each number is one set of files and what is done with them."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from attacks.fuzz import bundles, cameras, onnx_files, operators, readings
from attacks.fuzz.tries import Tries

Files: TypeAlias = Mapping[str, bytes]
# Most are bundles: they reach the kernels.
KINDS = (*("bundle",) * 5, "onnx", "operator", "reading", "camera", *("bundle",) * 3)

MAKERS = {
    "bundle": bundles.made,
    "camera": cameras.made,
    "onnx": onnx_files.made,
    "operator": operators.made,
    "reading": readings.made,
}


@dataclass(frozen=True)
class Case:
    """One trial.

    Attributes:
        name: What was mutated.
        files: What lies in the folder, by name.
        attempt: Does with the folder all that can be done, and says what came of it.
    """

    name: str
    files: Files
    attempt: Callable[[Path], Tries]


def case_of(number: int) -> Case:
    """Return the trial of a number; the same in every process."""
    kind = KINDS[number % len(KINDS)]
    rng = random.Random(number)
    name, files, attempt = MAKERS[kind](rng)
    return Case(f"{kind} {name}", files, attempt)
