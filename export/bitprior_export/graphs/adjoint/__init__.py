"""Reverse mode at export: one vector-Jacobian-product rule per op, as ONNX nodes."""

from bitprior_export.graphs.adjoint.reverse import RULES, emit_adjoint

__all__ = ["RULES", "emit_adjoint"]
