"""Programs as ordinary ONNX graphs: draw, sense, and the gradient of the measurement loss."""

from bitprior_export.graphs.models import build_generate, build_gradient, build_sense

__all__ = ["build_generate", "build_gradient", "build_sense"]
