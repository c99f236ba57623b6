"""Whether a release's bundle is by someone this board's owner trusts.

Whom, is the board's own business: ``~/.config/bitprior/allowed_signers`` there, in OpenSSH's
format. A board that has this list takes no bundle without a signature by it; a profile can ask
for one too, and then a board without the list takes none at all.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bitprior_devices.remote.facts import board_model
from bitprior_devices.remote.refusal import RefusalError
from bitprior_devices.remote.release import BUNDLE, SIGNATURE
from bitprior_runtime.board.signature import SignatureFaultError, verify
from bitprior_runtime.board.state import SYSTEM

SIGNERS = ".config/bitprior/allowed_signers"


def required_signers(demand: dict[str, Any], system: Path = SYSTEM) -> Path | None:
    """Return the list of those whose signature is asked for here; None if none is.

    Args:
        demand: ``always``, and ``models``: how the models of boards that ask for one begin.
        system: Root of the file system: another one in tests.

    Raises:
        RefusalError: A signature is asked for and this board trusts nobody.
    """
    signers = Path.home() / SIGNERS
    if signers.exists():
        return signers
    model = board_model(system) or ""
    if demand["always"] or any(model.startswith(start) for start in demand["models"]):
        raise RefusalError(
            f"a list of allowed signers on the board, ~/{SIGNERS}",
            "none, and its profile asks for signed bundles",
            "put one there, as ssh-keygen(1) says under ALLOWED SIGNERS",
        )
    return None


def check_signature(folder: Path, signers: Path | None) -> str | None:
    """Check the signature of the bundle in a folder, before anything reads the bundle.

    Args:
        folder: Bundle and signature.
        signers: Whose signatures count; None: none is asked for.

    Returns:
        Who signed it; None if nobody was asked for.

    Raises:
        RefusalError: No signature, or none to rely on.
    """
    if signers is None:
        return None
    if not (folder / SIGNATURE).is_file():
        raise missing_signature(signers)
    try:
        return verify(folder / BUNDLE, folder / SIGNATURE, signers, None)
    except SignatureFaultError as fault:
        raise RefusalError(fault.expected, fault.found, fault.todo) from fault


def missing_signature(signers: Path) -> RefusalError:
    """Return the refusal of a bundle that came without one."""
    return RefusalError(
        f"a bundle signed by someone in {signers} on the board",
        "no signature with it",
        "sign it: bitprior sign; a bundle that was renamed takes its NAME.sig along",
    )
