"""Operators by their text: what a command line or a file of measurements names."""

import re
from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias, runtime_checkable

from bitprior_runtime.errors import UsageError
from bitprior_runtime.sensing import (
    convolution,
    drawn,
    fourier,
    hadamard,
    masks,
    patterns,
    wavelet,
)
from bitprior_runtime.sensing.blocks import Blocks, Rectangles
from bitprior_runtime.sensing.composed import Rows
from bitprior_runtime.sensing.files import read_matrix
from bitprior_runtime.sensing.framewise import Framewise
from bitprior_runtime.sensing.matrix import Matrix
from bitprior_runtime.sensing.operator import Operator, Shape, check_frame
from bitprior_runtime.sensing.options import Options

FORMS = "blocks:matrix=FILE.npz#KEY,size=33 or matrix:FILE.npy"
_LARGEST = 2**15

Maker: TypeAlias = Callable[[Options, Shape | None], Framewise]
# What begins a text, how it goes on, and who makes it.
_KINDS: Mapping[str, tuple[str, Maker]] = {
    "hadamard": (hadamard.FORM, hadamard.from_text),
    "patterns": (patterns.FORM, patterns.from_text),
    "gaussian": (drawn.GAUSSIAN_FORM, drawn.gaussian_from_text),
    "rademacher": (drawn.RADEMACHER_FORM, drawn.rademacher_from_text),
    "wavelet": (wavelet.FORM, wavelet.from_text),
    "dct": (fourier.COSINE_FORM, fourier.cosines_from_text),
    "fourier": (fourier.FRINGE_FORM, fourier.fringes_from_text),
    "convolution": (convolution.FORM, convolution.from_text),
    "mask": (masks.MASK_FORM, masks.mask_from_text),
    "coded": (masks.CODED_FORM, masks.coded_from_text),
    "superres": (masks.BOX_FORM, masks.averages_from_text),
}
# Every text that this module reads, as messages list them.
KNOWN = ", ".join((FORMS, drawn.FORMS, *(form for form, _ in _KINDS.values())))


@runtime_checkable
class Known(Operator, Protocol):
    """An operator that can be told from others.

    Attributes:
        digest: SHA-256 of what it is made of.
    """

    @property
    def digest(self) -> str: ...  # noqa: D102


def parse_operator(text: str, frame: Shape | None = None) -> Known:
    """Make an operator from its text.

    ``blocks:matrix=FILE.npz#KEY,size=33``: one matrix [m, size * size] for all blocks of a frame;
    ``matrix:FILE.npy``: a matrix [m, H * W], or [m, H, W] that knows its frame. A file is .npy,
    or .npz with the name of the array after ``#``. ``gaussian-blocks:m=109,size=33,seed=0`` and
    ``walsh-blocks:m=102,size=32`` need no file, see :mod:`bitprior_runtime.sensing.drawn`.
    ``docs/operators.md`` lists all. The others take ``rows=FILE`` with the numbers of the
    measurements that are taken, [k], or a mask of booleans [m].

    Args:
        text: One of these forms.
        frame: (H, W) of the images; None: only for what knows its frame.

    Raises:
        MissingFileError: The file cannot be read.
        UsageError: No such form, an unknown or missing key, no frame, or a file or matrix that
            does not serve.
    """
    kind, _, rest = _text(text).partition(":")
    if kind in _KINDS:
        form, make = _KINDS[kind]
        options = Options(text, rest, form)
        rows = options.array("rows")
        operator = make(options, frame)
        options.end()
        return operator if rows is None else Rows(operator, rows)
    return parse_blocks(text, frame)


def parse_blocks(text: str, frame: Shape | None = None) -> Rectangles:
    """Make an operator that is one matrix, of blocks or of the frame, from its text.

    Raises:
        MissingFileError: The file cannot be read.
        UsageError: See :func:`parse_operator`; or an operator that is no such matrix.
    """
    kind, _, rest = _text(text).partition(":")
    if kind == "blocks" and rest:
        return _blocks(text, rest, frame)
    if kind == "matrix" and rest:
        return Matrix(read_matrix(rest), frame)
    found = drawn.drawn_blocks(text, frame)
    if found is not None:
        return found
    if kind in _KINDS:
        expected = f"an operator that is a matrix: {FORMS}, {drawn.FORMS}"
        raise UsageError(expected, repr(text), "use one of these forms")
    raise UsageError(f"an operator such as {KNOWN}", repr(text), "use one of these forms")


def parse_frame(text: str) -> Shape:
    """Return the frame that a text HxW names.

    Raises:
        UsageError: Not two whole numbers of at least 1 with an x between them.
    """
    found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", _text(text).strip(), flags=re.ASCII)
    if found is None or not int(found[1]) or not int(found[2]):
        raise UsageError("a frame HxW, e.g. 256x256", repr(text), "give height x width in pixels")
    return check_frame((int(found[1]), int(found[2])))


def _text(given: object) -> str:
    if not isinstance(given, str):
        raise UsageError("a text", f"{given!r}"[:80], "put it in quotes")
    return given


def _blocks(text: str, rest: str, frame: Shape | None) -> Blocks:
    # A comma in the name of a file is one that no key follows.
    parts = re.split(r",(?=\w+=)", rest)
    given = [part.partition("=") for part in parts]
    values: Mapping[str, str] = {key: value for key, _, value in given}
    if set(values) != {"matrix", "size"} or len(given) != len(values):
        found = f"{', '.join(key for key, _, _ in given)} in {text!r}"
        raise UsageError("blocks with the keys matrix and size", found, f"write it as {FORMS}")
    size = values["size"]
    if not re.fullmatch(r"\d{1,5}", size, flags=re.ASCII) or not 1 <= int(size) <= _LARGEST:
        raise UsageError("size=SIDE of a block in pixels", f"size={size}", "e.g. size=33")
    if frame is None:
        raise UsageError("a frame for the blocks", "none", "give --frame HxW")
    return Blocks(read_matrix(values["matrix"]), int(size), frame)
