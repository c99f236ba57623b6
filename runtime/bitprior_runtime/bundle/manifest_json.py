"""The manifest to and from JSON."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import TypeAlias, get_args

from bitprior_runtime.bundle import fields
from bitprior_runtime.bundle.calibration_json import calibration_from_json, latents_from_json
from bitprior_runtime.bundle.errors import (
    EXPORT_AGAIN,
    UPGRADE,
    InconsistentManifestError,
    MissingKeyError,
    NewerMajorError,
    NewerMinorError,
    OlderMajorError,
    ValueRangeError,
    quote,
)
from bitprior_runtime.bundle.frames_json import frames_from_json, search_from_json
from bitprior_runtime.bundle.limits import MAX_BLOCKS, MAX_ELEMENTS
from bitprior_runtime.bundle.manifest import (
    FLOAT_BITS,
    FORMAT,
    FORMAT_MAJOR,
    FORMAT_MINOR,
    MINOR_OF_FRAMES,
    NO_MEASUREMENT,
    Granularity,
    Manifest,
    Measurement,
    Producer,
    ProgramEntry,
    ProgramName,
    Tolerances,
)
from bitprior_runtime.bundle.program_json import program_from_json, program_to_json
from bitprior_runtime.bundle.solver_json import check_solver, solver_from_json
from bitprior_runtime.bundle.strict_json import Json
from bitprior_runtime.tensors import GRIDS

Programs: TypeAlias = Mapping[ProgramName, ProgramEntry]

_KEYS = (*Manifest.__dataclass_fields__, "programs")
# Keys by the minor version that brought them; an older file has none of them.
_KEYS_SINCE = {1: ("calibration", "latents"), 4: ("frames", "search")}
_VALUE_RANGE = [0.0, 1.0]


def manifest_to_json(manifest: Manifest, programs: Programs) -> dict[str, Json]:
    """Return the JSON of a manifest: keys sorted at every depth, but the digest first.

    The parts of the latent keep their order, which is theirs in z.
    """
    found: dict[str, Json] = asdict(manifest)
    found["programs"] = {name: program_to_json(entry) for name, entry in programs.items()}
    first = {"digest": found.pop("digest")}
    ordered = {"latents": found["latents"]}
    return first | {key: ordered.get(key, _sorted(found[key])) for key in sorted(found)}


def manifest_from_json(value: Json) -> tuple[Manifest, Programs]:
    """Parse a manifest whose version was already checked.

    Raises:
        ManifestError: One of its subclasses.
    """
    found = fields.record(value, "the manifest", _keys(value))
    latent = fields.integer(found["latent"], "latent", 1, MAX_ELEMENTS)
    _check_value_range(found["value_range"])
    geometry = _geometry(found["geometry"])
    measurement = _measurement(found["measurement"], geometry, _minor(value))
    latents = latents_from_json(found["latents"], latent) if "latents" in found else {}
    frames = frames_from_json(found.get("frames"), geometry, latents)
    search = search_from_json(found.get("search"), frames, latents)
    names = program_names(measurement, search is not None, _minor(value))
    parts = fields.record(found["programs"], "programs", names)
    programs: Programs = {
        name: program_from_json(parts[name], f"programs.{name}") for name in names
    }
    solver = solver_from_json(found["solver"], latent, _minor(value))
    check_solver(solver, latent, measurement, search)
    manifest = Manifest(
        name=fields.text(found["name"], "name", 128),
        producer=_producer(found["producer"]),
        geometry=geometry,
        latent=latent,
        measurement=measurement,
        bits=_bits(found["bits"]),
        grid=None if found["grid"] is None else fields.choice(found["grid"], "grid", GRIDS),
        granularity=None
        if found["granularity"] is None
        else fields.choice(found["granularity"], "granularity", get_args(Granularity)),
        solver=solver,
        tolerances=_tolerances(found["tolerances"]),
        licence=fields.text(found["licence"], "licence"),
        training=fields.mapping(found["training"], "training"),
        latents=latents,
        calibration=calibration_from_json(found.get("calibration"), programs, _minor(value)),
        frames=frames,
        search=search,
        companions=_hashes(found["companions"], "companions", file_names=True),
        sha256=_hashes(found["sha256"], "sha256", file_names=False),
        digest=fields.sha256(found["digest"], "digest"),
        format=fields.text(found["format"], "format"),
    )
    return manifest, programs


def program_names(
    measurement: Measurement, searches: bool, minor: int = FORMAT_MINOR
) -> tuple[ProgramName, ...]:
    """Return which programs a file holds.

    Args:
        measurement: What measures the images.
        searches: Whether it has a learned search.
        minor: Minor version of its format.
    """
    names: tuple[ProgramName, ...] = ("generator",)
    if measurement.kind != NO_MEASUREMENT or minor < MINOR_OF_FRAMES:
        names += ("sensing",)
    return (*names, "start", "penalty") if searches else names


def check_version(value: Json) -> None:
    """Check that this reader reads the manifest's format version.

    Raises:
        NewerMajorError, NewerMinorError, OlderMajorError: It does not; both versions are named.
        ManifestError: There is no version.
    """
    manifest = fields.mapping(value, "the manifest")
    if "format" not in manifest:
        raise MissingKeyError("the key 'format' in the manifest", "none", EXPORT_AGAIN)
    found = fields.text(manifest["format"], "format", 16)
    parts = found.split(".")
    if len(parts) != 2 or not all(p.isascii() and p.isdigit() and len(p) <= 4 for p in parts):
        raise ValueRangeError("a format version such as '1.0'", quote(found), EXPORT_AGAIN)
    major, minor = (int(part) for part in parts)
    readable = f"bundle format {FORMAT} (or an older {FORMAT_MAJOR}.x)"
    if major > FORMAT_MAJOR:
        raise NewerMajorError(readable, f"format {found}, a newer major version", UPGRADE)
    if major < FORMAT_MAJOR:
        raise OlderMajorError(readable, f"format {found}", "export the model again")
    if minor > FORMAT_MINOR:
        raise NewerMinorError(readable, f"format {found}, a newer minor version", UPGRADE)


def _keys(value: Json) -> tuple[str, ...]:
    """Return the keys of a manifest of the version this one has."""
    minor = _minor(value)
    newer = {key for since, keys in _KEYS_SINCE.items() if since > minor for key in keys}
    return tuple(key for key in _KEYS if key not in newer)


def _minor(value: Json) -> int:
    """Return the minor version of a manifest whose version was already checked."""
    version = fields.text(fields.mapping(value, "the manifest")["format"], "format")
    return int(version.partition(".")[2])


def _sorted(value: Json) -> Json:
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list | tuple):
        return [_sorted(item) for item in value]
    return value


def _producer(value: Json) -> Producer:
    found = fields.record(value, "producer", ("bitprior", "versions"))
    versions = fields.mapping(found["versions"], "producer.versions")
    return Producer(
        bitprior=fields.text(found["bitprior"], "producer.bitprior", 64),
        versions={
            fields.text(name, "producer.versions", 64): fields.text(
                version, f"producer.versions.{name}", 64
            )
            for name, version in versions.items()
        },
    )


def _geometry(value: Json) -> tuple[int, int, int]:
    shape = fields.shape(value, "geometry")
    if len(shape) != 3:
        raise ValueRangeError("geometry as [C, H, W]", quote(shape), EXPORT_AGAIN)
    return (shape[0], shape[1], shape[2])


def _measurement(value: Json, geometry: tuple[int, int, int], minor: int) -> Measurement:
    found = fields.record(value, "measurement", ("kind", "size"))
    measurement = Measurement(
        kind=fields.name(found["kind"], "measurement.kind"),
        size=fields.integer(found["size"], "measurement.size", 1, MAX_ELEMENTS),
    )
    values = math.prod(geometry)
    nothing = measurement.kind == NO_MEASUREMENT and minor >= MINOR_OF_FRAMES
    if nothing and measurement.size != values:
        raise InconsistentManifestError(
            f"measurement.size {values}, as geometry has values, where nothing measures",
            f"{measurement.size}",
            EXPORT_AGAIN,
        )
    return measurement


def _bits(value: Json) -> int:
    bits = fields.integer(value, "bits", 1, FLOAT_BITS)
    if bits > 8 and bits != FLOAT_BITS:
        raise ValueRangeError(f"bits in 1..8 or {FLOAT_BITS}", f"{bits}", EXPORT_AGAIN)
    return bits


def _tolerances(value: Json) -> Tolerances:
    keys = ("image", "measurement", "gradient", "trace")
    found = fields.record(value, "tolerances", keys)
    return Tolerances(**{key: fields.positive(found[key], f"tolerances.{key}") for key in keys})


def _check_value_range(value: Json) -> None:
    # 0 == 0.0 and False == 0: compare what is written, not what it equals.
    if quote(value) != quote(_VALUE_RANGE):
        raise ValueRangeError("value_range [0.0, 1.0]", quote(value), UPGRADE)


def _hashes(value: Json, where: str, file_names: bool) -> dict[str, str]:
    found = fields.mapping(value, where)
    if len(found) > MAX_BLOCKS:
        raise ValueRangeError(f"at most {MAX_BLOCKS} entries in {where}", "more", EXPORT_AGAIN)
    return {
        fields.file_name(key, where) if file_names else key: fields.sha256(item, f"{where}.{key}")
        for key, item in found.items()
    }
