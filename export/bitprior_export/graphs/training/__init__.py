"""The target onnx-training: artefacts for ONNX Runtime Training, which is no longer developed."""

from bitprior_export.graphs.training.artefacts import (
    FILES,
    PACKAGE,
    build_training_artefacts,
    is_available,
)

__all__ = ["FILES", "PACKAGE", "build_training_artefacts", "is_available"]
