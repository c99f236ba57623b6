"""Compare the graphs of a prior of any frame with the programs, node by node, at two frames."""

from collections.abc import Mapping

import numpy as np
import onnx

from bitprior_export.artefacts.gradient_check import graph_values
from bitprior_export.artefacts.nodes import Array, NodeCheck, NodeReport
from bitprior_export.graphs.maps import on_maps
from bitprior_runtime.bundle import Bundle
from bitprior_runtime.engines.tape import NumpyProgram
from bitprior_runtime.frames.onnx_kinds import FRAME_GRAPHS
from bitprior_runtime.frames.onnx_replay import FRAMES, example
from bitprior_runtime.program import Program


def check_frame_graph(bundle: Bundle, kind: str, model: onnx.ModelProto) -> NodeReport:
    """Compare a graph with its program, at each of FRAMES.

    Args:
        bundle: The bundle it belongs to.
        kind: One of FRAME_GRAPHS.
        model: The graph.

    Raises:
        CheckFailedError: A node differs; it is the first one.
    """
    graph, report = FRAME_GRAPHS[kind], NodeReport()
    program = on_maps(bundle.stored_programs[graph.which])
    read = {value.name for value in model.graph.input}
    for frame in FRAMES:
        inputs = example(bundle, graph.which, frame)
        source = inputs.pop("input")
        given = {graph.source: source, **inputs}
        values = graph_values(model, [program], {n: v for n, v in given.items() if n in read})
        whole = {**_forward(program, source), graph.source: source, **values}
        check = NodeCheck(f"{kind}.onnx", program, whole, graph.source)
        if graph.adjoint:
            check.backward()
        else:
            check.forward()
        report.add(check.report)
    return report


def _forward(program: Program, source: Array) -> Mapping[str, Array]:
    """Return the activations of a program, which a graph of its adjoint need not hold all."""
    (name,) = program.inputs
    values = NumpyProgram(program, np.float32).forward({name: source})
    return {f"{program.name}/{tensor}": value for tensor, value in values.items()}
