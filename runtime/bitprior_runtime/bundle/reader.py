"""Read a bundle: from the outside in, checking each layer before the next is touched."""

import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
from numpy.typing import NDArray

from bitprior_runtime.bundle import fields, strict_json
from bitprior_runtime.bundle.blocks import (
    LATENTS,
    BlockSpec,
    Dtype,
    golden_from_blocks,
    golden_specs,
    program_from_blocks,
    program_specs,
)
from bitprior_runtime.bundle.bundle import Bundle
from bitprior_runtime.bundle.checks import (
    check_chain,
    check_code_count,
    check_codes,
    check_floats,
    check_frames,
    check_search,
    check_widths,
)
from bitprior_runtime.bundle.envelope import LENGTH_BYTES, check_digest, read_header
from bitprior_runtime.bundle.errors import (
    EXPORT_AGAIN,
    BlockHashError,
    BlockLayoutError,
    BundleError,
    BundleTooLargeError,
    FormatVersionError,
    InconsistentManifestError,
    MissingBlockError,
    TruncatedBundleError,
    ValueRangeError,
    quote,
)
from bitprior_runtime.bundle.identity import identity_sensing
from bitprior_runtime.bundle.limits import (
    MAX_FILE_BYTES,
    MAX_GOLDEN_CASES,
    MAX_LAGS,
    MAX_SEARCH_STEPS,
    MIN_GOLDEN_CASES,
)
from bitprior_runtime.bundle.manifest import Manifest
from bitprior_runtime.bundle.manifest_json import Programs, check_version, manifest_from_json
from bitprior_runtime.bundle.search import (
    COVARIANCE,
    MOMENTUM,
    SLOPE,
    schedule_shapes,
    search_from_blocks,
)
from bitprior_runtime.bundle.strict_json import Json
from bitprior_runtime.bundle.table import (
    Table,
    check_blocks,
    check_layout,
    check_length,
    read_table,
)
from bitprior_runtime.errors import MissingFileError
from bitprior_runtime.files import read_bytes

_DTYPES: Mapping[Dtype, np.dtype[Any]] = {"U8": np.dtype(np.uint8), "F32": np.dtype("<f4")}


def read_bundle(path: str | os.PathLike[str]) -> Bundle:
    """Read and check a bundle.

    Args:
        path: A ``*.bitprior`` file.

    Returns:
        The bundle; its arrays are read-only.

    Raises:
        MissingFileError: No such file, or it cannot be read.
        BundleError: One of its subclasses, for each way in which the file can be wrong.
    """
    return decode_bundle(read_bundle_bytes(path))


def read_bundle_bytes(path: str | os.PathLike[str]) -> bytes:
    """Read the bytes of a bundle's file, and nothing in them.

    Raises:
        MissingFileError: No such file, or it cannot be read.
        BundleTooLargeError: No bundle is as large.
    """
    _check_file(Path(path))
    return read_bytes(path, MAX_FILE_BYTES)


def decode_bundle(data: bytes) -> Bundle:
    """Check and decode the bytes of a bundle.

    Raises:
        BundleError: One of its subclasses.
    """
    header = read_header(data)
    size = len(data) - LENGTH_BYTES - len(header)
    try:
        table, document = _outline(header, size)
    except (FormatVersionError, TruncatedBundleError):
        # A genuine newer file, or half of a genuine one: more to the point than its digest.
        raise
    except BundleError:
        # If the file is damaged, that explains the fault better than the fault itself.
        check_digest(data)
        raise
    check_digest(data)
    check_layout(table, size)
    manifest, programs = manifest_from_json(document)
    check_widths(manifest, programs)
    check_code_count(programs)
    check_blocks(table, _expected(manifest, programs, table))
    blocks = _read_blocks(data)
    _check_hashes(blocks, manifest.sha256)
    return _assemble(manifest, programs, {n: _array(n, b, table) for n, b in blocks.items()})


def _check_file(path: Path) -> None:
    try:
        status = path.stat()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise MissingFileError(
            f"a bundle at {path}", getattr(error, "strerror", None) or str(error), "check the name"
        ) from error
    if not stat.S_ISREG(status.st_mode):
        # Reading a pipe or a device could block, or never end.
        raise MissingFileError(
            f"a bundle at {path}", "a folder, pipe or device", "name a *.bitprior file"
        )
    if status.st_size > MAX_FILE_BYTES:
        raise BundleTooLargeError(
            f"a bundle of at most {MAX_FILE_BYTES} bytes", f"{status.st_size}", "check the name"
        )


def _outline(header: bytes, size: int) -> tuple[Table, Json]:
    """Return the block table and the manifest's JSON of a version that can be read."""
    outer = fields.mapping(strict_json.parse(header, "the header"), "the header")
    metadata = fields.record(outer.get("__metadata__"), "the metadata", ("bitprior",))
    # Its length is bounded by the header's.
    text = fields.text(metadata["bitprior"], "the metadata", len(header))
    document = strict_json.parse(text.encode(), "the manifest")
    check_version(document)
    table = read_table(outer)
    check_length(table, size)
    return table, document


def _expected(manifest: Manifest, programs: Programs, table: Table) -> dict[str, BlockSpec]:
    if LATENTS not in table:
        raise MissingBlockError(f"a tensor block {LATENTS!r}", "none", EXPORT_AGAIN)
    cases = (*table[LATENTS].spec.shape, 0)[0]
    if not MIN_GOLDEN_CASES <= cases <= MAX_GOLDEN_CASES:
        raise ValueRangeError(
            f"{MIN_GOLDEN_CASES} to {MAX_GOLDEN_CASES} golden cases", f"{cases}", EXPORT_AGAIN
        )
    expected = golden_specs(manifest, cases)
    for which, entry in programs.items():
        expected |= program_specs(which, entry)
    return expected | _search_specs(manifest, table)


def _search_specs(manifest: Manifest, table: Table) -> dict[str, BlockSpec]:
    if manifest.search is None:
        return {}
    for name in (MOMENTUM, SLOPE, COVARIANCE):
        if name not in table:
            raise MissingBlockError(f"a tensor block {name!r}", "none", EXPORT_AGAIN)
    steps, lags = ((*table[name].spec.shape, 0)[0] for name in (MOMENTUM, COVARIANCE))
    penalties = (*table[SLOPE].spec.shape, 0, 0)[1]
    for what, found, most in (("steps", steps, MAX_SEARCH_STEPS), ("lags", lags, MAX_LAGS)):
        if not 1 <= found <= most:
            raise ValueRangeError(f"1 to {most} {what} of a search", f"{found}", EXPORT_AGAIN)
    (maps,) = manifest.latents.values()
    shapes = schedule_shapes(steps, maps[0], penalties) | {COVARIANCE: (lags, lags)}
    return {name: BlockSpec("F32", shape) for name, shape in shapes.items()}


def _read_blocks(data: bytes) -> dict[str, bytes]:
    try:
        blocks = safetensors.deserialize(data)  # type: ignore[no-untyped-call]
    except safetensors.SafetensorError as error:
        # A second opinion: our own checks have passed by now.
        raise BlockLayoutError("a valid safetensors file", str(error), EXPORT_AGAIN) from error
    return {name: block["data"] for name, block in blocks}


def _check_hashes(blocks: Mapping[str, bytes], claimed: Mapping[str, str]) -> None:
    if blocks.keys() != claimed.keys():
        odd = sorted(blocks.keys() ^ claimed.keys())[0]
        raise InconsistentManifestError(
            "one SHA-256 for each tensor block", f"{quote(odd)} on one side only", EXPORT_AGAIN
        )
    for name, block in blocks.items():
        actual = hashlib.sha256(block).hexdigest()
        if actual != claimed[name]:
            raise BlockHashError(
                f"SHA-256 {claimed[name][:16]}... of block {quote(name)}",
                f"{actual[:16]}...",
                EXPORT_AGAIN,
            )


def _array(name: str, block: bytes, table: Table) -> NDArray[Any]:
    spec = table[name].spec
    array: NDArray[Any] = np.frombuffer(block, dtype=_DTYPES[spec.dtype]).reshape(spec.shape)
    array.setflags(write=False)
    return array


def _assemble(manifest: Manifest, programs: Programs, blocks: Mapping[str, NDArray[Any]]) -> Bundle:
    check_floats(blocks)
    made = {which: program_from_blocks(which, entry, blocks) for which, entry in programs.items()}
    for program in made.values():
        check_codes(program)
    generator = made["generator"]
    sensing = made.get("sensing") or identity_sensing(manifest.geometry)
    check_chain(manifest, generator, sensing)
    check_frames(manifest, generator)
    search = None
    if manifest.search is not None:
        mean = manifest.search.mean
        search = search_from_blocks(made["start"], made["penalty"], mean, blocks)
        check_search(manifest, search)
    return Bundle(manifest, generator, sensing, golden_from_blocks(blocks), search)
