"""Compare the ONNX graphs of a prior of any frame with its programs in numpy, at two frames."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.bundle import Bundle
from bitprior_runtime.bundle.manifest import ProgramName
from bitprior_runtime.engines.tape import NumpyProgram
from bitprior_runtime.frames.reframe import reframe
from bitprior_runtime.golden import Check, relative
from bitprior_runtime.onnx_graph import OnnxGraph
from bitprior_runtime.program import Program

Array = NDArray[Any]

# In strides: maps of neither the native size nor a square.
FRAMES = ((5, 9), (12, 7))
_ROWS, _SEED = 2, 20240229
TOLERANCE = 1e-5
# Kinds of files: the program, the names of its input and output, whether it is its adjoint.
_KINDS: Mapping[str, tuple[ProgramName, str, str, bool]] = {
    "generate": ("generator", "z", "image", False),
    "vjp": ("generator", "z", "image", True),
    "start": ("start", "u", "z", False),
    "penalty": ("penalty", "z", "w", False),
    "penalty_vjp": ("penalty", "z", "w", True),
}


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
        which, source, target, adjoint = _KINDS[kind]
        differences = []
        for frame in FRAMES:
            inputs = example(bundle, which, frame)
            given = {source: inputs["input"], "cotangent": inputs["cotangent"]}
            found = graph.run({name: given[name] for name in graph.inputs})
            expected = _expected(bundle, which, frame, inputs, adjoint)
            value = found["gradient" if adjoint else target]
            differences.append(relative(value.reshape(expected.shape), expected))
        name = f"{kind}: {'gradient' if adjoint else target}, any frame"
        checks.append(Check(name, max(differences), TOLERANCE, "relative"))
    return checks


def example(bundle: Bundle, which: ProgramName, frame: tuple[int, int]) -> dict[str, Array]:
    """Return seeded values for a program at a frame, as maps: its ``input`` and a ``cotangent``.

    Args:
        bundle: The bundle.
        which: The program.
        frame: Height and width in strides of the prior.
    """
    program, (height, width) = _at(bundle, which, frame)
    random = np.random.default_rng(_SEED)
    (flat,) = next(iter(program.inputs.values()))
    (shape,) = (node.attributes["shape"] for node in program.nodes if node.op == "Reshape")
    spread = float(bundle.golden.latents.std()) or 1.0
    values = np.float32(spread) * random.standard_normal((_ROWS, flat), dtype=np.float32)
    maps = values.reshape(_ROWS, *shape)  # type: ignore[misc]
    out = NumpyProgram(program, np.float32).forward({next(iter(program.inputs)): values})
    drawn = out[program.output].shape
    return {"input": maps, "cotangent": random.standard_normal(drawn, dtype=np.float32)}


def _expected(
    bundle: Bundle,
    which: ProgramName,
    frame: tuple[int, int],
    inputs: Mapping[str, Array],
    adjoint: bool,
) -> Array:
    program, _ = _at(bundle, which, frame)
    (name,) = program.inputs
    runner = NumpyProgram(program, np.float32)
    values = runner.forward({name: inputs["input"].reshape(_ROWS, -1)})
    return runner.backward(values, inputs["cotangent"])[name] if adjoint else values[program.output]


def _at(
    bundle: Bundle, which: ProgramName, frame: tuple[int, int]
) -> tuple[Program, tuple[int, int]]:
    assert bundle.manifest.frames is not None
    stride = bundle.manifest.frames.stride
    _, height, width = bundle.manifest.geometry
    canvas = (frame[0] * stride, frame[1] * stride)
    return reframe(bundle.stored_programs[which], (height, width), canvas), canvas
