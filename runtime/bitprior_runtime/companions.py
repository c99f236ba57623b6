"""The ONNX files beside a bundle: the very ones it was exported with."""

import hashlib
import os
from pathlib import Path

from bitprior_runtime.bundle import Bundle
from bitprior_runtime.errors import CheckFailedError, UsageError
from bitprior_runtime.files import read_bytes

# The last four are of priors of any frame.
KINDS = (
    "generate",
    "sense",
    "gradient",
    "recover",
    "vjp",
    "start",
    "penalty",
    "penalty_vjp",
)
MAX_BYTES = 512 * 2**20


def read_companions(bundle: Bundle, folder: str | os.PathLike[str]) -> dict[str, bytes]:
    """Read the ONNX files of a bundle and check their hashes.

    Args:
        bundle: The bundle.
        folder: Where its ONNX files are.

    Returns:
        Their contents by kind, those of KINDS that there are.

    Raises:
        UsageError: The bundle was exported without such files.
        MissingFileError: A file is missing.
        CheckFailedError: A file is not the one the bundle was exported with.
    """
    named = {kind: bundle.manifest.companions.get(f"{kind}.onnx") for kind in KINDS}
    found: dict[str, bytes] = {}
    for kind, wanted in named.items():
        if wanted is None:
            continue
        path = Path(folder) / f"{kind}.onnx"
        data = read_bytes(path, MAX_BYTES)
        digest = hashlib.sha256(data).hexdigest()
        if digest != wanted:
            raise CheckFailedError(
                f"{path} with SHA-256 {wanted}, as the bundle says",
                digest,
                "copy the folder again, or export both again: they belong together",
            )
        found[kind] = data
    if not found:
        raise UsageError(
            "a bundle that was exported together with ONNX files",
            "none named in its manifest",
            "export it again with --targets onnx",
        )
    return found
