"""Programs as ordinary ONNX graphs: draw, sense, the gradient of the loss, a whole recovery."""

from bitprior_export.graphs.form import PORTABLE, Form
from bitprior_export.graphs.models import build_generate, build_gradient, build_sense
from bitprior_export.graphs.recover import build_recover
from bitprior_export.graphs.recover_step import StepRule

__all__ = [
    "PORTABLE",
    "Form",
    "StepRule",
    "build_generate",
    "build_gradient",
    "build_recover",
    "build_sense",
]
