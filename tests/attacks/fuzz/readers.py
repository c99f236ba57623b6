"""Readers under atheris, which mutates bytes by what code they reach: ``make fuzz-readers``.

``python -m attacks.fuzz.readers READER [options of libFuzzer]``, in an environment with atheris. Of
a reader that raises an error which is not bitprior's own, libFuzzer keeps the input.
"""

import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import atheris

# What the readers stand on, too: its branches are theirs.
with atheris.instrument_imports(include=["bitprior_runtime", "numpy.lib", "zipfile", "tomllib"]):
    from bitprior_runtime.bundle import decode_bundle
    from bitprior_runtime.camera.camera_file import read_camera
    from bitprior_runtime.camera.readings import read_text
    from bitprior_runtime.errors import BitpriorError
    from bitprior_runtime.images import decode_array
    from bitprior_runtime.sensing.files import Archive, decode_npy
    from bitprior_runtime.sensing.measured import read_measured
    from bitprior_runtime.sensing.text import parse_frame, parse_operator

# One file for all inputs of a reader of files.
_FILE = Path(tempfile.mkdtemp(prefix="bitprior-readers-")) / "input"


def npy(data: bytes) -> None:
    """Read a .npy file in both ways."""
    for read in (lambda: decode_npy(data, "x"), lambda: decode_array(data, "x", "values")):
        _tried(read)


def npz(data: bytes) -> None:
    """Read all arrays of an archive."""
    archive = _tried(lambda: Archive(data, "x"))
    if archive is not None:
        for name in archive.names[:8]:
            _tried(lambda n=name: archive.read(n))


def operator(data: bytes) -> None:
    """Make an operator of a small frame."""
    text = data.decode("utf-8", "surrogateescape")
    _tried(lambda: parse_frame(text))
    found = _tried(lambda: parse_operator(text, (8, 8)))
    if found is not None:
        repr(found)


def _from_file(read: Callable[[Path], object]) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        _FILE.write_bytes(data)
        _tried(lambda: read(_FILE))

    return run


READERS: Mapping[str, Callable[[bytes], None]] = {
    "bundle": lambda data: _tried(lambda: decode_bundle(data)) and None,
    "npy": npy,
    "npz": npz,
    "operator": operator,
    "measured": _from_file(read_measured),
    "camera": _from_file(read_camera),
    "text": _from_file(read_text),
}


def _tried(read: Callable[[], object]) -> object:
    """Return what a reader returns; None if it refuses with an error of ours."""
    try:
        return read()
    except BitpriorError as error:
        if not str(error).isprintable():
            raise RuntimeError("a message that is not one printable line") from error
        return None


def main() -> None:
    """Fuzz one reader."""
    name = sys.argv.pop(1)
    atheris.Setup(sys.argv, READERS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
