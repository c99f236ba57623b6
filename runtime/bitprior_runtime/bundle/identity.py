"""The sensing program of a prior that measures nothing by itself: y = x, flat."""

from bitprior_runtime.program import Node, Program


def identity_sensing(geometry: tuple[int, int, int]) -> Program:
    """Return x [C,H,W] -> y [C * H * W], the identity."""
    return Program("sensing", {"x": geometry}, "y", (Node("Flatten", ("x",), "y"),), {})
