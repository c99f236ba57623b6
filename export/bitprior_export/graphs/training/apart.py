"""Build the training files in another Python: the package takes the place of onnxruntime here."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bitprior_export.bundle import write_bundle
from bitprior_export.errors import ExportError
from bitprior_export.graphs.training.artefacts import FILES
from bitprior_runtime.bundle import Bundle
from bitprior_runtime.errors import MissingExtraError
from bitprior_runtime.files import check_folder, write_atomically

# Names a Python that has the package, e.g. .venv-training/bin/python.
VARIABLE = "BITPRIOR_TRAINING_PYTHON"


def default_folder(bundle_path: Path) -> Path:
    """Return the folder of a bundle's training files: ``<stem>-onnx-training`` beside it."""
    return bundle_path.with_name(f"{bundle_path.stem}-onnx-training")


def write_training_files(bundle: Bundle, folder: Path) -> None:
    """Write and check the files of ONNX Runtime Training, all or none.

    Args:
        bundle: The model.
        folder: Where they go; it is made if missing.

    Raises:
        UnwritableOutputError: The folder cannot be written.
        MissingExtraError: There is no such Python.
        ExportError: It has not the package, or cannot differentiate or reproduce the programs.
    """
    check_folder(folder)
    python = os.environ.get(VARIABLE, sys.executable)
    if shutil.which(python) is None:
        raise MissingExtraError(python, "export", f"the Python that {VARIABLE} names")
    with tempfile.TemporaryDirectory() as scratch:
        source, made = Path(scratch) / "model.bitprior", Path(scratch) / "made"
        write_bundle(source, bundle)
        made.mkdir()
        module = "bitprior_export.graphs.training"
        done = subprocess.run(
            [python, "-m", module, str(source), str(made)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            reason = done.stderr.strip().splitlines()[-1:] or [f"status {done.returncode}"]
            raise ExportError(
                "the files of ONNX Runtime Training",
                reason[0],
                f"run make test-training, then set {VARIABLE}=.venv-training/bin/python",
            )
        folder.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            write_atomically(folder / name, (made / name).read_bytes())
