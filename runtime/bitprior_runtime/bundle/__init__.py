"""The bundle: one safetensors file, ``*.bitprior``, that holds a whole model.

``read_bundle(path)`` returns a :class:`Bundle` or raises a :class:`BundleError`. The format is
described in ``runtime/README.md``; ``bitprior_export.bundle`` writes it.
"""

from bitprior_runtime.bundle.bundle import Bundle, GoldenCases
from bitprior_runtime.bundle.errors import BundleError
from bitprior_runtime.bundle.manifest import (
    FORMAT,
    Calibration,
    FistaDefaults,
    Frames,
    Manifest,
    Measurement,
    Producer,
    SearchOutline,
    SolverDefaults,
    Tolerances,
)
from bitprior_runtime.bundle.reader import decode_bundle, read_bundle, read_bundle_bytes
from bitprior_runtime.bundle.search import LearnedSearch, Schedule

__all__ = [
    "FORMAT",
    "Bundle",
    "BundleError",
    "Calibration",
    "FistaDefaults",
    "Frames",
    "GoldenCases",
    "LearnedSearch",
    "Manifest",
    "Measurement",
    "Producer",
    "Schedule",
    "SearchOutline",
    "SolverDefaults",
    "Tolerances",
    "decode_bundle",
    "read_bundle",
    "read_bundle_bytes",
]
