"""What format 1.1 added to the manifest, from JSON: parts of the latent, ranges of activations."""

import math
from collections.abc import Mapping

from bitprior_runtime.bundle import fields
from bitprior_runtime.bundle.errors import (
    EXPORT_AGAIN,
    InconsistentManifestError,
    ValueRangeError,
    quote,
)
from bitprior_runtime.bundle.limits import MAX_LATENT_PARTS, MAX_RANGE, MIN_RANGE
from bitprior_runtime.bundle.manifest import (
    ActivationBits,
    Calibration,
    ProgramEntry,
    ProgramName,
)
from bitprior_runtime.bundle.strict_json import Json
from bitprior_runtime.program import Shape

_WIDTHS: Mapping[int, ActivationBits] = {8: 8, 16: 16}
# Keys of the calibration by the minor version that brought them.
_KEYS_SINCE = {3: ("cotangent_bits",)}


def latents_from_json(value: Json, latent: int) -> dict[str, Shape]:
    """Return the shapes of the latent's parts by name; together they have ``latent`` values.

    Raises:
        ManifestError: One of its subclasses.
    """
    found = fields.mapping(value, "latents")
    if len(found) > MAX_LATENT_PARTS:
        raise ValueRangeError(
            f"at most {MAX_LATENT_PARTS} parts in latents", f"{len(found)}", EXPORT_AGAIN
        )
    parts = {
        fields.name(name, "latents"): fields.shape(shape, f"latents.{name}")
        for name, shape in found.items()
    }
    total = sum(math.prod(shape) for shape in parts.values())
    if not parts or total != latent:
        raise InconsistentManifestError(
            f"latents of {latent} values in all, as latent says", f"{total}", EXPORT_AGAIN
        )
    return parts


def calibration_from_json(
    value: Json, programs: Mapping[ProgramName, ProgramEntry], minor: int
) -> Calibration | None:
    """Return the ranges of the activations, each one's name checked against its program.

    Args:
        value: What the manifest has under ``calibration``.
        programs: All that the file holds.
        minor: Minor version of the manifest.

    Raises:
        ManifestError: One of its subclasses.
    """
    if value is None:
        return None
    newer = [key for since, keys in _KEYS_SINCE.items() if since <= minor for key in keys]
    found = fields.record(value, "calibration", ("absmax", "activation_bits", *newer))
    bits, narrow = _width(found["activation_bits"], "activation_bits"), found.get("cotangent_bits")
    cotangents = None if narrow is None else _width(narrow, "cotangent_bits")
    if cotangents is not None and cotangents > bits:
        raise InconsistentManifestError(
            f"calibration.cotangent_bits of at most the activations' {bits}",
            f"{cotangents}",
            EXPORT_AGAIN,
        )
    absmax = fields.record(found["absmax"], "calibration.absmax", programs)
    return Calibration(
        activation_bits=bits,
        absmax={name: _ranges(absmax[name], name, entry) for name, entry in programs.items()},
        cotangent_bits=cotangents,
    )


def _width(value: Json, name: str) -> ActivationBits:
    bits = fields.integer(value, f"calibration.{name}", 8, 16)
    if bits not in _WIDTHS:
        raise ValueRangeError(f"calibration.{name} 8 or 16", f"{bits}", EXPORT_AGAIN)
    return _WIDTHS[bits]


def _ranges(value: Json, which: ProgramName, program: ProgramEntry) -> dict[str, float]:
    where = f"calibration.absmax.{which}"
    found = fields.mapping(value, where)
    activations = {*program.inputs, *(node.output for node in program.nodes)}
    for name in found:
        if name not in activations:
            raise InconsistentManifestError(
                f"in {where} only activations of the {which}", quote(name), EXPORT_AGAIN
            )
    return {
        name: fields.positive(item, f"{where}.{name}", MIN_RANGE, MAX_RANGE)
        for name, item in found.items()
    }
