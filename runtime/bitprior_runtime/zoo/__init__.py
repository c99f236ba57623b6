"""Small trained priors that come with bitprior: ``load("mnist-4bit-m100")``.

The folder of this module holds the bundles; ``benchmarks/zoo.sh`` exports them from training runs.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from bitprior_runtime.errors import MissingFileError, UsageError

SUFFIX = ".bitprior"
FOLDER = Path(__file__).parent


def zoo_names() -> Sequence[str]:
    """Return the names of the priors that come with bitprior, sorted."""
    return sorted(path.stem for path in FOLDER.glob(f"*{SUFFIX}"))


def find_bundle(path_or_name: str | os.PathLike[str]) -> Path:
    """Return the file that a path, or a name of the zoo, stands for.

    What exists as a path always wins; a name is a single word without a suffix.

    Raises:
        UsageError: Neither a text nor a path.
        MissingFileError: A name that is neither a file nor in the zoo.
    """
    if not isinstance(path_or_name, str | os.PathLike):
        found = f"{path_or_name!r}"
        raise UsageError("the path of a bundle, or its name in the zoo", found, "give a text")
    path = Path(path_or_name)
    if path.exists() or path.suffix or path.name != os.fspath(path_or_name):
        return path
    names = zoo_names()
    if path.name not in names:
        raise MissingFileError(
            f"a bundle, or a name of the zoo ({', '.join(names)})",
            f"no file and no such name: {str(path)!a}",
            "name a .bitprior file, or choose from bitprior zoo",
        )
    return FOLDER / f"{path.name}{SUFFIX}"
