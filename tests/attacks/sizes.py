"""Attacks through sizes: outputs stay small, what lies between does not."""

from typing import Any

import numpy as np

from attacks.programs import nodes
from attacks.registry import forgery
from bitprior_runtime.bundle.errors import BundleProgramError, ValueRangeError
from builders.forgery import Parts, add_block

BIG = (2**27, 2**30, 2**33, 2**59, 2**62)


def detour(parts: Parts, *steps: dict[str, Any]) -> None:
    """Let the image go through ``steps`` before it is done, from ``r`` to ``e``."""
    at = nodes(parts)
    last = at.pop()
    at.append({**last, "output": "r"})
    at.extend(steps)
    at.append({"op": "Identity", "inputs": ["e"], "output": last["output"], "attributes": {}})


def step(op: str, source: str, target: str, **attributes: Any) -> dict[str, Any]:
    """Return a node of one activation and, for a convolution, the weight ``one``."""
    weights = ["kernel"] if op.startswith("Conv") else []
    return {"op": op, "inputs": [source, *weights], "output": target, "attributes": attributes}


def with_kernel(parts: Parts, size: int = 1) -> None:
    """Add a convolution's weight of ones, [1,1,size,size]."""
    add_block(parts, "generator", "kernel", np.ones((1, 1, size, size), np.float32))


def _wide_pads(pad: int) -> None:
    def build(parts: Parts) -> None:
        with_kernel(parts)
        detour(parts, step("Conv", "r", "e", strides=[pad, 1], pads=[pad, 0, 0, 0]))

    build.__name__ = f"pads_and_strides_of_2_to_the_{pad.bit_length() - 1}"
    forgery(BundleProgramError)(build)


def _wide_dilations(dilation: int) -> None:
    def build(parts: Parts) -> None:
        with_kernel(parts)
        detour(parts, step("Conv", "r", "e", dilations=[dilation, 1]))

    build.__name__ = f"dilations_of_2_to_the_{dilation.bit_length() - 1}"
    forgery(BundleProgramError)(build)


def _wide_transposes(stride: int) -> None:
    def build(parts: Parts) -> None:
        with_kernel(parts)
        pads = [stride - 1, 0, 0, 0]
        detour(parts, step("ConvTranspose", "r", "e", strides=[stride, 1], pads=pads))

    build.__name__ = f"a_transposed_stride_of_2_to_the_{stride.bit_length() - 1}"
    forgery(BundleProgramError)(build)


for _size in BIG:
    _wide_pads(_size)
    _wide_dilations(_size)
    _wide_transposes(_size)


@forgery(BundleProgramError)
def a_slice_with_steps_of_2_to_the_62(parts: Parts) -> None:
    cut = {"starts": [0], "ends": [2], "axes": [2], "steps": [2**62]}
    detour(parts, step("Slice", "r", "e", **cut))


@forgery(BundleProgramError)
def a_pool_with_strides_of_2_to_the_62(parts: Parts) -> None:
    detour(parts, step("MaxPool", "r", "e", kernel_shape=[1, 1], strides=[2**62, 1]))


@forgery(BundleProgramError)
def resizes_of_more_than_the_budget(parts: Parts) -> None:
    detour(
        parts,
        step("Resize", "r", "a", sizes=[64, 64], mode="linear"),
        *(
            step("Resize", "a", f"b{index}", sizes=[2048, 2048], mode="nearest")
            for index in range(20)
        ),
        step("Resize", "a", "e", sizes=[2, 3], mode="nearest"),
    )


@forgery(BundleProgramError)
def a_resize_of_a_pixel_to_a_thousand(parts: Parts) -> None:
    detour(
        parts,
        step("Resize", "r", "a", sizes=[2, 1000], mode="nearest"),
        step("Resize", "a", "e", sizes=[2, 3], mode="nearest"),
    )


@forgery(BundleProgramError)
def sums_that_are_broadcast_beyond_the_budget(parts: Parts) -> None:
    steps = [step("Concat", "r", "c0", axis=1)]
    steps[0]["inputs"] = ["r"] * 16
    for index in range(6):
        joined = step("Concat", "", f"c{index + 1}", axis=1)
        joined["inputs"] = [f"c{index}"] * 16
        steps.append(joined)
    detour(parts, *steps)


def _ranges(value: float) -> None:
    def build(parts: Parts) -> None:
        ranges = {"generator": {"z": value}, "sensing": {}}
        fields = {"activation_bits": 8, "cotangent_bits": 8, "absmax": ranges}
        parts.manifest["calibration"] = fields

    build.__name__ = f"a_calibrated_range_of_{value:g}"
    forgery(ValueRangeError)(build)


for _value in (5e-324, 1e-320, 1e-300, 1e-30, 1e30, 1e300, 1.7e308):
    _ranges(_value)


@forgery(ValueRangeError)
def a_step_of_1e300(parts: Parts) -> None:
    parts.manifest["solver"]["step_size"] = 1e300


@forgery(ValueRangeError)
def a_step_that_is_no_float32(parts: Parts) -> None:
    parts.manifest["solver"]["step_size"] = 1e-320


@forgery(BundleProgramError)
def a_slope_that_is_infinite_in_float32(parts: Parts) -> None:
    nodes(parts)[1]["attributes"]["alpha"] = 1e300
