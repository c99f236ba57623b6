"""Who made a bundle: its digest shows damage, a signature beside it shows authorship."""

import os
from pathlib import Path

from bitprior_runtime.board.signature import SignatureFaultError, sign, signature_of, verify
from bitprior_runtime.bundle import decode_bundle, read_bundle_bytes
from bitprior_runtime.errors import CheckFailedError, MissingFileError
from bitprior_runtime.files import check_writable, write_atomically
from bitprior_runtime.model import Model
from bitprior_runtime.zoo import find_bundle


class SignatureError(CheckFailedError):
    """There is no signature that can be relied on."""


def sign_bundle(path: str | os.PathLike[str], key: Path) -> Path:
    """Sign a bundle.

    Args:
        path: The bundle; a damaged one is not signed.
        key: A private key of OpenSSH, or the public half of one that ssh-agent holds.

    Returns:
        The signature's file, ``<bundle>.sig``; one that was there is replaced.

    Raises:
        BundleError: It is damaged.
        SignatureError: OpenSSH does not sign.
    """
    file = find_bundle(path)
    target = check_writable(signature_of(file))
    data = read_bundle_bytes(file)
    decode_bundle(data)
    try:
        signature = sign(data, key)
    except SignatureFaultError as fault:
        raise SignatureError(fault.expected, fault.found, fault.todo) from fault
    write_atomically(target, signature)
    return target


def load_signed(
    path: str | os.PathLike[str], signers: Path, identity: str | None = None
) -> tuple[Model, str]:
    """Load a bundle whose signature is right; of one whose signature is not, nothing is decoded.

    Args:
        path: The bundle; its signature lies beside it under its name and ``.sig``.
        signers: OpenSSH's list of allowed signers.
        identity: Who must have signed it; None: anyone in the list.

    Returns:
        The model, of the very bytes that were signed, and the signer's name.

    Raises:
        SignatureError: No signature, or none to rely on.
        BundleError: Signed, and yet no bundle of a known format.
    """
    if not signers.is_file():
        raise MissingFileError(
            f"a list of allowed signers {signers}", "no such file", "check --signers"
        )
    file = find_bundle(path)
    data = read_bundle_bytes(file)
    try:
        signer = verify(data, signature_of(file), signers, identity)
    except SignatureFaultError as fault:
        raise SignatureError(fault.expected, fault.found, fault.todo) from fault
    return Model(decode_bundle(data), len(data), file), signer
