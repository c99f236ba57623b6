"""``bitprior info``: what is in a bundle."""

from bitprior_runtime.cli.arguments import BundleArgument
from bitprior_runtime.cli.output import JsonFlag, emit
from bitprior_runtime.model import load


def run(
    bundle: BundleArgument,
    json: JsonFlag = False,
) -> None:
    """Show a bundle's layers, bits, sizes, solver defaults and training provenance."""
    model = load(bundle)
    emit(model.info, model.describe(), json)
