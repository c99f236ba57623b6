"""Operators by their text: what a command line or a file of measurements names."""

import re
from collections.abc import Mapping

from bitprior_runtime.errors import UsageError
from bitprior_runtime.sensing.blocks import Blocks, Rectangles
from bitprior_runtime.sensing.drawn import FORMS as DRAWN
from bitprior_runtime.sensing.drawn import drawn_blocks
from bitprior_runtime.sensing.files import read_matrix
from bitprior_runtime.sensing.matrix import Matrix
from bitprior_runtime.sensing.operator import Shape, check_frame

FORMS = "blocks:matrix=FILE.npz#KEY,size=33 or matrix:FILE.npy"
_LARGEST = 2**15


def parse_operator(text: str, frame: Shape | None = None) -> Rectangles:
    """Make an operator from its text.

    ``blocks:matrix=FILE.npz#KEY,size=33``: one matrix [m, size * size] for all blocks of a frame;
    ``matrix:FILE.npy``: a matrix [m, H * W], or [m, H, W] that knows its frame. A file is .npy,
    or .npz with the name of the array after ``#``. ``gaussian-blocks:m=109,size=33,seed=0`` and
    ``walsh-blocks:m=102,size=32`` need no file, see :mod:`bitprior_runtime.sensing.drawn`.

    Args:
        text: One of these forms.
        frame: (H, W) of the images; None: only for a matrix [m, H, W].

    Raises:
        MissingFileError: The file cannot be read.
        UsageError: No such form, an unknown or missing key, no frame, or a file or matrix that
            does not serve.
    """
    kind, _, rest = text.partition(":")
    if kind == "blocks" and rest:
        return _blocks(text, rest, frame)
    if kind == "matrix" and rest:
        return Matrix(read_matrix(rest), frame)
    drawn = drawn_blocks(text, frame)
    if drawn is not None:
        return drawn
    raise UsageError(f"an operator such as {FORMS}, {DRAWN}", repr(text), "use one of these forms")


def parse_frame(text: str) -> Shape:
    """Return the frame that a text HxW names.

    Raises:
        UsageError: Not two whole numbers of at least 1 with an x between them.
    """
    found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text.strip(), flags=re.ASCII)
    if found is None or not int(found[1]) or not int(found[2]):
        raise UsageError("a frame HxW, e.g. 256x256", repr(text), "give height x width in pixels")
    return check_frame((int(found[1]), int(found[2])))


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
