"""Members of downloaded archives, read into memory: nothing is ever extracted to disk."""

import gzip
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from bitprior_runtime.bundle.errors import quote
from bitprior_runtime.errors import MissingFileError

# STL-10's 100,000 unlabelled images, which are passed over, are 2.8 GB.
UNPACKED_LIMIT = 4 * 2**30


def damaged(path: Path, expected: str, found: str) -> MissingFileError:
    """Return the error for a downloaded file that is not what its name says."""
    return MissingFileError(f"{expected} in {path.name}", found, "do not trust this file")


def read_gzip(path: Path, limit: int) -> bytes:
    """Return the contents of a gzip file of at most ``limit`` bytes unpacked.

    Raises:
        MissingFileError: It unpacks to more, or is not gzip.
    """
    try:
        with gzip.open(path) as file:
            data = file.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise damaged(path, "a gzip file", str(error)) from error
    if len(data) > limit:
        raise damaged(path, f"at most {limit} unpacked bytes", "more")
    return data


def read_members(path: Path, limit_of: Callable[[str], int]) -> Iterator[tuple[str, bytes]]:
    """Yield name and contents of members of a .tar.gz file, in the archive's order.

    Args:
        path: The archive.
        limit_of: Gives the largest allowed size in bytes of the member of a name; 0 passes over it.

    Raises:
        MissingFileError: A wanted member is no plain file or too large, the archive unpacks to
            more than ``UNPACKED_LIMIT`` bytes, or is no .tar.gz.
    """
    unpacked = 0
    try:
        with tarfile.open(path, "r|gz") as tar:
            for member in tar:
                unpacked += member.size
                if unpacked > UNPACKED_LIMIT:
                    raise damaged(path, f"at most {UNPACKED_LIMIT} unpacked bytes", f"{unpacked}")
                limit = limit_of(member.name)
                if not limit:
                    continue
                file = tar.extractfile(member) if member.isreg() else None
                if file is None or member.size > limit:
                    found = f"{member.size} bytes" if file else "something else than a file"
                    expected = f"a file of at most {limit} bytes as {quote(member.name)}"
                    raise damaged(path, expected, found)
                yield member.name, file.read()
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise damaged(path, "a .tar.gz archive", str(error)) from error
