"""Detached signatures, made and checked by the system's OpenSSH.

Standard library only: the same check runs on the host and, sent there, on the board. A signature
is of a file's bytes and of our namespace: it says nothing of the file's name.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

# What a signature was made for: a key that signs other things as well signs no bundle with them.
NAMESPACE = "bitprior-bundle"
SUFFIX = ".sig"
MAX_SIGNATURE_BYTES = 64 * 1024
PROGRAM = "ssh-keygen"
_SECONDS = 600.0
# Of a pattern in a list of signers, which is nobody's name.
_WILDCARDS = frozenset("*?!")


class SignatureFaultError(Exception):
    """A signature that could not be made, or is none to rely on.

    Attributes:
        expected: What would have been right.
        found: What was there instead.
        todo: What the user can do about it.
    """

    def __init__(self, expected: str, found: str, todo: str) -> None:
        super().__init__(f"expected {expected}; found {found}; {todo}")
        self.expected = expected
        self.found = found
        self.todo = todo


def signature_of(path: Path) -> Path:
    """Return where the signature of a file lies: beside it."""
    return path.with_name(path.name + SUFFIX)


def sign(message: bytes, key: Path) -> bytes:
    """Sign bytes.

    Args:
        message: What is signed.
        key: A private key, or the public half of one that ssh-agent holds.

    Returns:
        The signature, in OpenSSH's armour.

    Raises:
        SignatureFaultError: No ssh-keygen, no such key, or a wrong passphrase.
    """
    status, out, reason = _run(["-Y", "sign", "-f", str(key), "-n", NAMESPACE], message)
    if status != 0:
        raise SignatureFaultError(
            f"a signature by the key {key}", reason, "name a private key of OpenSSH with --key"
        )
    return out


def verify(message: bytes | Path, signature: Path, signers: Path, identity: str | None) -> str:
    """Check a signature and return who made it.

    Args:
        message: The bytes that were signed, or the file of them.
        signature: The signature's file.
        signers: OpenSSH's list of allowed signers.
        identity: Who must have made it; None: anyone in the list.

    Raises:
        SignatureFaultError: No signature, no list, no ssh-keygen; altered bytes, a key that is not
            in the list, is not valid now, or may not sign bundles.
    """
    if not signers.is_file():
        raise SignatureFaultError(
            f"a list of allowed signers {signers}",
            "no such file",
            "see ssh-keygen(1), ALLOWED SIGNERS",
        )
    if not signature.is_file():
        raise SignatureFaultError(
            f"a signature {signature.name} beside the bundle",
            "none",
            "sign it: bitprior sign; a bundle that is renamed takes its signature along",
        )
    if signature.stat().st_size > MAX_SIGNATURE_BYTES:
        raise SignatureFaultError(
            f"a signature of at most {MAX_SIGNATURE_BYTES} bytes in {signature.name}",
            f"{signature.stat().st_size} bytes",
            "sign it again",
        )
    names = [identity] if identity is not None else _principals(signature, signers)
    reason = ""
    for name in names:
        command = ["-Y", "verify", "-f", str(signers), "-I", name, "-n", NAMESPACE]
        status, _, reason = _run([*command, "-s", str(signature)], message)
        if status == 0:
            return name
    raise _untrusted(signers, reason, identity)


def _principals(signature: Path, signers: Path) -> list[str]:
    """Return the names the list has for the key of a signature."""
    command = ["-Y", "find-principals", "-s", str(signature), "-f", str(signers)]
    status, out, reason = _run(command, b"")
    if status != 0:
        raise _untrusted(signers, reason, None)
    found = [
        name for line in out.decode("utf-8", "replace").splitlines() for name in line.split(",")
    ]
    names = [name for name in found if name and not _WILDCARDS & set(name)]
    if not names:
        raise _untrusted(signers, f"patterns only: {', '.join(found)}", None)
    return names


def _untrusted(signers: Path, reason: str, identity: str | None) -> SignatureFaultError:
    who = "someone" if identity is None else repr(identity)
    return SignatureFaultError(
        f"a valid signature of these bytes by {who} in {signers}",
        reason,
        "do not use the bundle: ask whoever made it, or correct the list (and --identity)",
    )


def _run(arguments: list[str], message: bytes | Path) -> tuple[int, bytes, str]:
    """Run ssh-keygen on a message; return its status, what it printed, and why it failed."""
    command = [PROGRAM, *arguments]
    try:
        if isinstance(message, bytes):
            done = subprocess.run(
                command, input=message, capture_output=True, timeout=_SECONDS, check=False
            )
        else:
            with message.open("rb") as file:
                done = subprocess.run(
                    command, stdin=file, capture_output=True, timeout=_SECONDS, check=False
                )
    except FileNotFoundError as error:
        if error.filename != PROGRAM:
            raise
        raise SignatureFaultError(
            "OpenSSH's ssh-keygen, 8.2 or newer", "no such program", "install openssh-client"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise SignatureFaultError(
            "ssh-keygen to end", f"it ran for {_SECONDS:.0f} s", "try it by hand"
        ) from error
    lines = [line.strip() for line in done.stderr.decode("utf-8", "replace").splitlines()]
    reason = next((line for line in lines if line), f"exit status {done.returncode}")
    return done.returncode, done.stdout, reason
