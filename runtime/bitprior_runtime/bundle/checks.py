"""Checks across fields: what each part of a bundle says of the others must be true."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.bundle.errors import (
    EXPORT_AGAIN,
    BundleProgramError,
    CodeRangeError,
    InconsistentManifestError,
    NonFiniteError,
    ScaleError,
    ShapeChainError,
    ShapeError,
    quote,
)
from bitprior_runtime.bundle.limits import MAX_CODES
from bitprior_runtime.bundle.manifest import FLOAT_BITS, CodesEntry, Granularity, Manifest
from bitprior_runtime.bundle.manifest_json import Programs
from bitprior_runtime.errors import ProgramError
from bitprior_runtime.program import Program, Shape
from bitprior_runtime.shapes import infer_shapes
from bitprior_runtime.tensors import Grid, QuantisedTensor


def check_code_count(programs: Programs) -> None:
    """Check that the unpacked codes of all tensors fit in MAX_CODES bytes.

    Raises:
        ShapeError: They do not.
    """
    entries = [entry for program in programs.values() for entry in program.tensors.values()]
    count = sum(math.prod(entry.shape) for entry in entries if isinstance(entry, CodesEntry))
    if count > MAX_CODES:
        raise ShapeError(f"at most {MAX_CODES} quantised weights", f"{count}", "use a smaller net")


def check_widths(manifest: Manifest, programs: Programs) -> None:
    """Check that bits, grid and granularity are those of the generator's widest codes.

    Raises:
        InconsistentManifestError: They are not.
    """
    entries = [e for e in programs["generator"].tensors.values() if isinstance(e, CodesEntry)]
    bits = max((entry.bits for entry in entries), default=FLOAT_BITS)
    widest = [entry for entry in entries if entry.bits == bits]
    styles: set[tuple[Grid | None, Granularity | None]] = {
        (entry.grid, "per-tensor" if entry.axis is None else "per-channel") for entry in widest
    }
    styles = styles or {(None, None)}
    if manifest.bits != bits or (manifest.grid, manifest.granularity) not in styles:
        raise InconsistentManifestError(
            f"bits, grid and granularity of the generator's widest weights, {bits}, {styles}",
            f"{manifest.bits}, {manifest.grid}, {manifest.granularity}",
            EXPORT_AGAIN,
        )


def check_floats(blocks: Mapping[str, NDArray[Any]]) -> None:
    """Check that float blocks are finite, and scales above zero.

    Raises:
        NonFiniteError, ScaleError: One is not.
    """
    for name, block in blocks.items():
        if block.dtype != np.float32:
            continue
        # The extremes tell it all (NaN included) without a temporary as large as the block.
        with np.errstate(invalid="ignore"):
            least, most = float(block.min()), float(block.max())
        if name.endswith("#scale") and not (least > 0 and math.isfinite(most)):
            raise ScaleError(
                f"scales in {quote(name)} finite and above zero", f"{least}..{most}", EXPORT_AGAIN
            )
        if not (math.isfinite(least) and math.isfinite(most)):
            raise NonFiniteError(
                f"finite values in {quote(name)}", f"{least}..{most}", EXPORT_AGAIN
            )


def check_codes(program: Program) -> None:
    """Check that no code of a narrow grid stands for the level that grid leaves out.

    Raises:
        CodeRangeError: One does.
    """
    for name, tensor in program.tensors.items():
        narrow = isinstance(tensor, QuantisedTensor) and tensor.grid == "narrow"
        if narrow and int(tensor.codes.min()) == 0:  # type: ignore[union-attr]
            raise CodeRangeError(
                f"codes of {quote(name)} from 1 up on the narrow grid", "0", EXPORT_AGAIN
            )


def check_chain(manifest: Manifest, generator: Program, sensing: Program) -> None:
    """Check both programs, and z [k] -> x [C,H,W] -> y [m].

    Raises:
        BundleProgramError: A program is malformed.
        ShapeChainError: Their names or shapes do not fit the manifest.
    """
    k, m = (manifest.latent,), (manifest.measurement.size,)
    _check_ends(generator, ("z", k), ("x", manifest.geometry))
    _check_ends(sensing, ("x", manifest.geometry), ("y", m))


def _check_ends(program: Program, source: tuple[str, Shape], target: tuple[str, Shape]) -> None:
    try:
        shapes = infer_shapes(program)
    except ProgramError as error:
        raise BundleProgramError(
            f"in the {program.name} {error.expected}", error.found, error.todo
        ) from error
    inputs = dict(program.inputs)
    output = (program.output, shapes[program.output])
    if inputs != dict([source]) or output != target:
        raise ShapeChainError(
            f"a {program.name} from {source} to {target} as geometry, latent and measurement say",
            f"from {quote(inputs)} to {quote(output)}",
            EXPORT_AGAIN,
        )
