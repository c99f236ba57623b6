"""Measurements in a file, with the operator that made them."""

import io
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError
from bitprior_runtime.files import read_bytes, write_atomically
from bitprior_runtime.sensing.files import MAX_BYTES, Archive, decode_npy
from bitprior_runtime.sensing.operator import FloatArray, Shape, named
from bitprior_runtime.sensing.text import Known, parse_operator

_KEYS = ("frame", "matrix", "noise", "operator", "y")
_TEXT = 4096


@dataclass(frozen=True, eq=False)
class Measured:
    """Measurements and what is known of their operator.

    Attributes:
        y: float32 [B,m].
        frame: (H, W); None: not known, as of a .npy file.
        operator: Its text; None: not known.
        matrix: SHA-256 of its matrix; None: not known.
        noise: Standard deviation of the noise of a measurement; None: not known.
    """

    y: FloatArray
    frame: Shape | None = None
    operator: str | None = None
    matrix: str | None = None
    noise: float | None = None

    def made_by(self, text: str | None, frame: Shape | None) -> Known:
        """Return the operator, checked against what the measurements say of it.

        Args:
            text: The operator as asked for; None: as the measurements name it.
            frame: (H, W) as asked for; None: as the measurements or the matrix say.

        Raises:
            UsageError: None is named, or one of another frame or with another matrix.
        """
        text = text or self.operator
        if text is None:
            raise UsageError("an operator", "none", "give --operator")
        if frame is not None and self.frame is not None and frame != self.frame:
            raise UsageError(
                f"frame {named(self.frame)}, that of the measurements",
                f"--frame {named(frame)}",
                "leave --frame out",
            )
        operator = parse_operator(text, frame or self.frame)
        if self.matrix is not None and operator.digest != self.matrix:
            raise UsageError(
                f"the matrix that measured, SHA-256 {self.matrix[:16]}...",
                f"one with {operator.digest[:16]}... in {text!r}",
                "name the operator that was given to 'bitprior sense'",
            )
        return operator


def write_measured(path: str | os.PathLike[str], measured: Measured) -> None:
    """Write measurements: .npz with all that is known of them, or .npy with their values alone.

    Raises:
        UsageError: Another ending.
        UnwritableOutputError: It cannot be written.
    """
    file = io.BytesIO()
    if check_name(path) == ".npy":
        np.save(file, measured.y, allow_pickle=False)
    else:
        known = {
            "frame": np.array(measured.frame, dtype=np.int64),
            "matrix": np.array(measured.matrix or ""),
            "noise": np.array(measured.noise or 0.0),
            "operator": np.array(measured.operator or ""),
        }
        np.savez(file, y=measured.y, **known)  # type: ignore[arg-type]
    write_atomically(path, file.getvalue())


def check_name(path: str | os.PathLike[str]) -> str:
    """Return the ending of a file of measurements.

    Raises:
        UsageError: Neither .npz nor .npy.
    """
    ending = os.path.splitext(path)[1]
    if ending not in (".npz", ".npy"):
        found = repr(os.path.basename(path))
        raise UsageError("a file of measurements ending in .npz or .npy", found, "rename it")
    return ending


def read_measured(path: str | os.PathLike[str]) -> Measured:
    """Read what :func:`write_measured` wrote, or a .npy file of measurements [B,m].

    Raises:
        MissingFileError: It cannot be read.
        UsageError: Not such a file.
    """
    data, name = read_bytes(path, MAX_BYTES), os.fspath(path)
    if not data.startswith(b"PK"):
        return Measured(_floats(decode_npy(data, name), name))
    archive = Archive(data, name)
    y = _floats(archive.read("y"), name)
    if not set(archive.names) >= set(_KEYS):
        return Measured(y)
    frame, noise = archive.read("frame"), archive.read("noise")
    fits = frame.shape == (2,) and frame.dtype.kind in "iu" and bool((frame > 0).all())
    if not fits or noise.shape != () or noise.dtype.kind != "f" or not 0 <= noise < np.inf:
        raise _foreign(name, "a frame or noise of another form")
    texts = [archive.read(key) for key in ("operator", "matrix")]
    if any(t.shape != () or t.dtype.kind != "U" or t.dtype.itemsize > _TEXT for t in texts):
        raise _foreign(name, "an operator that is no text")
    operator, matrix = (str(text) or None for text in texts)
    return Measured(y, (int(frame[0]), int(frame[1])), operator, matrix, float(noise))


def _floats(y: NDArray[Any], name: str) -> FloatArray:
    if y.dtype.kind != "f":
        raise UsageError(
            f"float32 measurements [B,m] in {name}",
            f"dtype {y.dtype}",
            "save it with numpy.save(path, array.astype('float32'))",
        )
    return np.ascontiguousarray(y, dtype=np.float32)


def _foreign(name: str, found: str) -> UsageError:
    return UsageError(f"what 'bitprior sense' wrote in {name}", found, "sense again")
