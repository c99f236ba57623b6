"""Compare the ONNX graphs of a prior of any frame with its programs in numpy, at two frames."""

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.bundle import Bundle
from bitprior_runtime.bundle.manifest import ProgramName
from bitprior_runtime.engines.tape import NumpyProgram
from bitprior_runtime.frames.onnx_kinds import FRAME_GRAPHS, FrameGraph
from bitprior_runtime.frames.reframe import reframe
from bitprior_runtime.golden import Check, relative
from bitprior_runtime.onnx_graph import OnnxGraph
from bitprior_runtime.program import Program, Shape

Array = NDArray[Any]

# In strides: maps of neither the native size nor a square.
FRAMES = ((5, 9), (12, 7))
_ROWS, _SEED = 2, 20240229
TOLERANCE = 1e-5


def replay_frames(bundle: Bundle, graphs: Mapping[str, OnnxGraph]) -> list[Check]:
    """Compare what graphs make of seeded inputs with the programs, at each of FRAMES.

    Args:
        bundle: The bundle the graphs belong to.
        graphs: Some of ``generate``, ``vjp``, ``start``, ``penalty`` and ``penalty_vjp``.

    Returns:
        One check a graph.
    """
    checks = []
    for kind, graph in graphs.items():
        what = FRAME_GRAPHS[kind]
        differences = []
        for frame in FRAMES:
            inputs = example(bundle, what.which, frame)
            given = {what.source: inputs["input"], "cotangent": inputs["cotangent"]}
            found = graph.run({name: given[name] for name in graph.inputs})
            expected = _expected(bundle, what, frame, inputs)
            value = found[what.output]
            differences.append(relative(value.reshape(expected.shape), expected))
        name = f"{kind}: {what.output}, any frame"
        checks.append(Check(name, max(differences), TOLERANCE, "relative"))
    return checks


def example(bundle: Bundle, which: ProgramName, frame: tuple[int, int]) -> dict[str, Array]:
    """Return seeded values for a program at a frame, as maps: its ``input`` and a ``cotangent``.

    Args:
        bundle: The bundle.
        which: The program.
        frame: Height and width in strides of the prior.
    """
    program, random = _at(bundle, which, frame), np.random.default_rng(_SEED)
    (source,) = program.inputs
    (first,) = (node for node in program.nodes if source in node.inputs)
    maps = cast(Shape, first.attributes["shape"])
    spread = np.float32(bundle.golden.latents.std() or 1.0)
    values = spread * random.standard_normal((_ROWS, *maps), dtype=np.float32)
    flat = values.reshape(_ROWS, -1)
    drawn = NumpyProgram(program, np.float32).forward({source: flat})[program.output]
    return {"input": values, "cotangent": random.standard_normal(drawn.shape, dtype=np.float32)}


def _expected(
    bundle: Bundle, what: FrameGraph, frame: tuple[int, int], inputs: Mapping[str, Array]
) -> Array:
    program = _at(bundle, what.which, frame)
    (name,) = program.inputs
    runner = NumpyProgram(program, np.float32)
    values = runner.forward({name: inputs["input"].reshape(_ROWS, -1)})
    if what.adjoint:
        return runner.backward(values, inputs["cotangent"])[name]
    return values[program.output]


def _at(bundle: Bundle, which: ProgramName, frame: tuple[int, int]) -> Program:
    assert bundle.manifest.frames is not None
    stride = bundle.manifest.frames.stride
    _, height, width = bundle.manifest.geometry
    canvas = (frame[0] * stride, frame[1] * stride)
    return reframe(bundle.stored_programs[which], (height, width), canvas)
