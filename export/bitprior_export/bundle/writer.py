"""Write a bundle: the mirror of ``bitprior_runtime.bundle.reader``."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from bitprior_runtime.bundle import Bundle, decode_bundle, strict_json
from bitprior_runtime.bundle.blocks import entry_of, golden_blocks, program_blocks
from bitprior_runtime.bundle.envelope import BLANK_DIGEST, seal
from bitprior_runtime.bundle.errors import WrongTypeError
from bitprior_runtime.bundle.manifest import FORMAT, SearchOutline
from bitprior_runtime.bundle.manifest_json import Programs, manifest_to_json
from bitprior_runtime.bundle.search import search_blocks
from bitprior_runtime.errors import UsageError
from bitprior_runtime.files import check_writable, write_atomically


def encode_bundle(bundle: Bundle) -> bytes:
    """Return the bytes of a bundle; the same bundle always gives the same bytes.

    Args:
        bundle: What to write. Of its manifest the fields ``sha256``, ``digest``, ``format`` and
            ``search`` are filled in here, whatever they hold.

    Raises:
        UsageError: A tensor is not float32 or uint8, or a code does not fit its bit width.
        BundleError: The reader would refuse the bundle.
    """
    blocks: dict[str, NDArray[Any]] = {}
    for which, program in bundle.stored_programs.items():
        blocks |= program_blocks(which, program)
    blocks |= golden_blocks(bundle.golden)
    if bundle.search is not None:
        blocks |= search_blocks(bundle.search.schedule, bundle.search.covariance)
    _check_dtypes(blocks)
    blocks = {name: _plain(block) for name, block in blocks.items()}
    data = seal(save(blocks, metadata={"bitprior": _manifest_text(bundle, blocks)}))
    decode_bundle(data)
    return data


def write_bundle(path: str | os.PathLike[str], bundle: Bundle) -> int:
    """Write a bundle, whole or not at all.

    Args:
        path: Where; a ``*.bitprior`` file.
        bundle: What, as :func:`encode_bundle` takes it.

    Returns:
        Bytes written.

    Raises:
        UnwritableOutputError: The file cannot be written there.
        UsageError: A tensor is not float32 or uint8, or a code does not fit its bit width.
        BundleError: The reader would refuse the bundle.
    """
    check_writable(path)
    data = encode_bundle(bundle)
    write_atomically(path, data)
    return len(data)


def _manifest_text(bundle: Bundle, blocks: Mapping[str, NDArray[Any]]) -> str:
    manifest = replace(
        bundle.manifest,
        format=FORMAT,
        digest=BLANK_DIGEST,
        search=None if bundle.search is None else SearchOutline(bundle.search.covariance.mean),
        sha256={
            name: hashlib.sha256(block.tobytes()).hexdigest() for name, block in blocks.items()
        },
    )
    programs: Programs = {
        name: entry_of(program) for name, program in bundle.stored_programs.items()
    }
    try:
        return strict_json.dump(manifest_to_json(manifest, programs))
    except (TypeError, ValueError) as error:
        raise WrongTypeError(
            "JSON values in the manifest (str, int, float, bool, None, list, dict)",
            str(error),
            "convert numpy values with .item() or .tolist()",
        ) from error


def _check_dtypes(blocks: Mapping[str, NDArray[Any]]) -> None:
    for name, block in blocks.items():
        wanted = np.uint8 if name.endswith("#codes") else np.float32
        if block.dtype != wanted:
            raise UsageError(
                f"{np.dtype(wanted)} in {name!r}", f"{block.dtype}", "convert it before export"
            )


def _plain(block: NDArray[Any]) -> NDArray[Any]:
    # safetensors copies memory from the array's start: it must be whole and in C order.
    return np.require(block, requirements=["C", "A"])
