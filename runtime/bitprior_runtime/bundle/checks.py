"""Checks across fields: what each part of a bundle says of the others must be true."""

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.budget import check_budget
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
from bitprior_runtime.bundle.limits import MAX_CODES, MAX_PROGRAM_BYTES
from bitprior_runtime.bundle.manifest import (
    FLOAT_BITS,
    MINOR_OF_FRAMES,
    CodesEntry,
    Granularity,
    Manifest,
)
from bitprior_runtime.bundle.manifest_json import Programs
from bitprior_runtime.bundle.search import LearnedSearch
from bitprior_runtime.errors import ProgramError
from bitprior_runtime.frames.reframe import reframe
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
    """Check that bits, grid and granularity are those of most of the generator's codes.

    Before format 1.4 they were those of the widest ones.

    Raises:
        InconsistentManifestError: They are not.
    """
    entries = [e for e in programs["generator"].tensors.values() if isinstance(e, CodesEntry)]
    counts: Counter[int] = Counter()
    for entry in entries:
        counts[entry.bits] += math.prod(entry.shape)
    bits = max(counts, default=FLOAT_BITS)
    which = "widest"
    if int(manifest.format.partition(".")[2]) >= MINOR_OF_FRAMES:
        bits, which = usual_width(counts), "usual"
    chosen = [entry for entry in entries if entry.bits == bits]
    styles: set[tuple[Grid | None, Granularity | None]] = {
        (entry.grid, "per-tensor" if entry.axis is None else "per-channel") for entry in chosen
    }
    styles = styles or {(None, None)}
    if manifest.bits != bits or (manifest.grid, manifest.granularity) not in styles:
        raise InconsistentManifestError(
            f"bits, grid and granularity of the generator's {which} weights, {bits}, {styles}",
            f"{manifest.bits}, {manifest.grid}, {manifest.granularity}",
            EXPORT_AGAIN,
        )


def usual_width(counts: Mapping[int, int]) -> int:
    """Return the width a prior is called by: the narrowest that a quarter of its weights have.

    So a linear layer of many weights and 8 bits does not make a 1-bit network one of 8 bits; what
    has other widths is said beside it.

    Args:
        counts: Quantised weights by bit width.

    Returns:
        The most frequent width where none has a quarter, the wider of two; FLOAT_BITS if nothing is
        counted.
    """
    total = sum(counts.values())
    if enough := [bits for bits, count in counts.items() if 4 * count >= total > 0]:
        return min(enough)
    return max(((count, bits) for bits, count in counts.items()), default=(0, FLOAT_BITS))[1]


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
    _check_budget(generator, sensing)


def _check_budget(*programs: Program) -> None:
    try:
        check_budget(programs, MAX_PROGRAM_BYTES)
    except ProgramError as error:
        raise BundleProgramError(error.expected, error.found, error.todo) from error


def check_frames(manifest: Manifest, generator: Program) -> None:
    """Check that the generator follows its latent maps to other frames.

    Raises:
        BundleProgramError: It does not; the node that hinders it is named.
    """
    if manifest.frames is None:
        return
    channels, height, width = manifest.geometry
    stride = manifest.frames.stride
    larger = (height + 2 * stride, width + stride)
    _check_follows(generator, (height, width), larger, (channels, *larger))


def check_search(manifest: Manifest, search: LearnedSearch) -> None:
    """Check the programs of a search: u [2 * H * W] -> [C,h,w] and z [k] -> [P,h,w], at any frame.

    Raises:
        BundleProgramError: A program is malformed, or does not follow its maps to other frames.
        ShapeChainError: Their names or shapes do not fit the manifest.
    """
    assert manifest.frames is not None
    (maps,) = manifest.latents.values()
    _, height, width = manifest.geometry
    penalties = search.schedule.slope.shape[1]
    start, penalty = search.start, search.penalty
    _check_ends(start, ("u", (2 * height * width,)), (start.output, maps))
    _check_ends(penalty, ("z", (manifest.latent,)), (penalty.output, (penalties, *maps[1:])))
    _check_budget(start, penalty)
    stride = manifest.frames.stride
    canvas, larger = (height, width), (height + 2 * stride, width + stride)
    rows, columns = (a * b // c for a, b, c in zip(maps[1:], larger, canvas, strict=True))
    _check_follows(start, canvas, larger, (maps[0], rows, columns))
    _check_follows(penalty, canvas, larger, (penalties, rows, columns))


def _check_follows(
    program: Program, native: tuple[int, int], frame: tuple[int, int], output: Shape
) -> None:
    shapes = _shapes(_reframed(program, native, frame))
    if shapes[program.output] != output:
        raise BundleProgramError(
            f"a {program.name} that gives {output} at a frame of {frame[0]} x {frame[1]}",
            f"{shapes[program.output]}",
            EXPORT_AGAIN,
        )


def _reframed(program: Program, native: tuple[int, int], frame: tuple[int, int]) -> Program:
    try:
        return reframe(program, native, frame)
    except ProgramError as error:
        raise BundleProgramError(
            f"in the {program.name} {error.expected}", error.found, error.todo
        ) from error


def _shapes(program: Program) -> Mapping[str, Shape]:
    try:
        return infer_shapes(program)
    except ProgramError as error:
        raise BundleProgramError(
            f"in the {program.name} {error.expected}", error.found, error.todo
        ) from error


def _check_ends(program: Program, source: tuple[str, Shape], target: tuple[str, Shape]) -> None:
    shapes = _shapes(program)
    inputs = dict(program.inputs)
    output = (program.output, shapes[program.output])
    if inputs != dict([source]) or output != target:
        raise ShapeChainError(
            f"a {program.name} from {source} to {target} as geometry, latent and measurement say",
            f"from {quote(inputs)} to {quote(output)}",
            EXPORT_AGAIN,
        )
