"""``bitprior sign``: say who made a bundle."""

from pathlib import Path
from typing import Annotated

import typer

from bitprior_runtime.cli.arguments import BundleArgument
from bitprior_runtime.cli.output import JsonFlag, emit
from bitprior_runtime.signatures import sign_bundle


def run(
    bundle: BundleArgument,
    key: Annotated[
        Path, typer.Option(help="A private key of OpenSSH, or the public half of one in ssh-agent.")
    ],
    json: JsonFlag = False,
) -> None:
    """Sign a bundle with the system's OpenSSH; the signature is written beside it as NAME.sig."""
    signature = sign_bundle(bundle, key)
    result = {"bundle": str(bundle), "signature": str(signature)}
    emit(result, f"Signed {bundle}: {signature}", json)
