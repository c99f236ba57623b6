"""Write a bundle, replay its golden cases from the written file, and only then put it in place."""

from pathlib import Path

from bitprior_export.bundle import write_bundle
from bitprior_runtime.bundle import Bundle
from bitprior_runtime.errors import CheckFailedError
from bitprior_runtime.files import write_atomically
from bitprior_runtime.golden import Check
from bitprior_runtime.model import load


def write_verified(out: Path, bundle: Bundle) -> list[Check]:
    """Write beside ``out``, read back, replay the golden cases; only then replace ``out``.

    Raises:
        CheckFailedError: A golden case does not replay; nothing was written.
    """
    staged = out.with_name(f".{out.name}.unverified")
    try:
        write_bundle(staged, bundle)
        checks = load(staged).verify()
        for check in checks:
            if not check.passed:
                raise CheckFailedError(
                    f"{check.name} of the written bundle within {check.tolerance:g}",
                    f"{check.difference:g}",
                    "nothing was written; report this with the output of bitprior doctor",
                )
        write_atomically(out, staged.read_bytes())
    finally:
        staged.unlink(missing_ok=True)
    return checks
