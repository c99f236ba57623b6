"""ONNX files beside a bundle: built for a board, verified node by node, written whole or not."""

from bitprior_export.artefacts.check import ArtefactReport, check_artefacts, check_files
from bitprior_export.artefacts.write import (
    Artefact,
    Artefacts,
    OnnxOutput,
    default_folder,
    stage_artefacts,
    write_artefacts,
)

__all__ = [
    "Artefact",
    "ArtefactReport",
    "Artefacts",
    "OnnxOutput",
    "check_artefacts",
    "check_files",
    "default_folder",
    "stage_artefacts",
    "write_artefacts",
]
