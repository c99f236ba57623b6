"""Graphs on maps: depth-to-space goes back in either mode, at any size."""

import numpy as np
import pytest

from bitprior_export.graphs.maps import Ends, build_on_maps, build_vjp_on_maps, on_maps
from bitprior_runtime.engines.tape import NumpyProgram
from bitprior_runtime.errors import ProgramError
from bitprior_runtime.onnx_graph import OnnxGraph
from bitprior_runtime.program import Node, Program
from builders.bundles import tiny_bundle

ENDS = Ends("z", "image", ("rows", "columns"), ("height", "width"))


def a_program(op: str, mode: str) -> Program:
    attributes = {"blocksize": 2, "mode": mode} if op == "DepthToSpace" else {"blocksize": 2}
    nodes = (
        Node("Reshape", ("z",), "maps", {"shape": (12, 2, 4)}),
        Node("Relu", ("maps",), "above"),
        Node(op, ("above",), "x", attributes),
    )
    return Program("generator", {"z": (96,)}, "x", nodes, {})


@pytest.mark.parametrize(
    ("op", "mode"), [("DepthToSpace", "CRD"), ("DepthToSpace", "DCR"), ("SpaceToDepth", "DCR")]
)
@pytest.mark.parametrize("size", [(2, 4), (6, 2)])
def test_a_shuffle_and_its_adjoint_are_those_of_the_program_at_any_size(
    op: str, mode: str, size: tuple[int, int]
) -> None:
    program = a_program(op, mode)
    random = np.random.default_rng(0)
    z = random.standard_normal((3, 12, *size), dtype=np.float32)
    runner = NumpyProgram(on_maps(program), np.float32)
    values = runner.forward({"z": z})
    cotangent = random.standard_normal(values["x"].shape, dtype=np.float32)
    drawn, back = (
        OnnxGraph(build(name, program, ENDS, {"kind": name}).SerializeToString())
        for name, build in (("generate", build_on_maps), ("vjp", build_vjp_on_maps))
    )
    np.testing.assert_array_equal(drawn.run({"z": z})["image"], values["x"])
    found = back.run({"z": z, "cotangent": cotangent})["gradient"]
    np.testing.assert_array_equal(found, runner.backward(values, cotangent)["z"])


def test_a_program_that_does_not_begin_with_maps_is_refused() -> None:
    with pytest.raises(ProgramError, match="begins with one Reshape to maps"):
        on_maps(tiny_bundle().generator)
