"""Build the ONNX files of a prior of any frame, see :mod:`bitprior_runtime.frames.onnx_kinds`."""

from collections.abc import Mapping

import onnx

from bitprior_export.graphs.form import Form
from bitprior_export.graphs.maps import Ends, build_on_maps, build_vjp_on_maps
from bitprior_runtime.bundle import Bundle
from bitprior_runtime.frames.onnx_kinds import FRAME_GRAPHS

_FRAME, _MAPS = ("height", "width"), ("rows", "columns")
_AXES = {"image": _FRAME, "u": _FRAME, "z": _MAPS, "w": _MAPS}


def build_frame_graph(
    bundle: Bundle, kind: str, metadata: Mapping[str, str], form: Form
) -> onnx.ModelProto:
    """Return one of the graphs.

    Args:
        bundle: The bundle.
        kind: One of FRAME_GRAPHS.
        metadata: What the file says about itself.
        form: Versions and batch.
    """
    graph = FRAME_GRAPHS[kind]
    ends = Ends(graph.source, graph.target, _AXES[graph.source], _AXES[graph.target])
    build = build_vjp_on_maps if graph.adjoint else build_on_maps
    return build(kind, bundle.stored_programs[graph.which], ends, metadata, form)
