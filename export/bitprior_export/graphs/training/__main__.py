"""``python -m bitprior_export.graphs.training BUNDLE FOLDER``, where the package is installed."""

import sys

from bitprior_export.graphs.training.artefacts import build_training_artefacts
from bitprior_runtime.bundle import read_bundle
from bitprior_runtime.errors import BitpriorError


def main(bundle_path: str, folder: str) -> int:
    """Write the files of a bundle; return the exit status."""
    try:
        bundle = read_bundle(bundle_path)
        build_training_artefacts(bundle.generator, bundle.sensing, folder)
    except BitpriorError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
