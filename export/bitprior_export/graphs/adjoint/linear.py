"""Linear ops: the cotangent times the transposed weight, always the same weight tensor."""

from collections.abc import Mapping
from typing import Any, cast

from bitprior_export.graphs.adjoint.call import Call, Rule
from bitprior_export.graphs.operands import emit_reshape
from bitprior_runtime.program import Shape


def _gemm(call: Call) -> str:
    attributes: dict[str, Any] = {
        "alpha": call.attribute("alpha"),
        "transB": 1 - cast(int, call.attribute("transB")),
    }
    return call.builder.add("Gemm", [call.cotangent, call.input(1)], **attributes)


def _matmul(call: Call) -> str:
    if len(call.output_shape) == 1:
        return call.builder.add("Gemm", [call.cotangent, call.input(1)], transB=1)
    transposed = call.builder.add("Transpose", [call.input(1)], perm=[1, 0])
    return call.builder.add("MatMul", [call.cotangent, transposed])


def _conv(call: Call) -> str:
    """Conv's adjoint is ConvTranspose; its output_padding makes up for what the stride skipped."""
    strides, pads, dilations = (_sizes(call, name) for name in ("strides", "pads", "dilations"))
    kernel, wanted, patches = call.shape(1)[2:], call.shape(0)[1:], call.output_shape[1:]
    reached = [
        (patches[i] - 1) * strides[i] + (kernel[i] - 1) * dilations[i] + 1 - pads[i] - pads[i + 2]
        for i in (0, 1)
    ]
    missing = [size - found for size, found in zip(wanted, reached, strict=True)]
    return call.builder.add(
        "ConvTranspose",
        [call.cotangent, call.input(1)],
        strides=strides,
        pads=pads,
        dilations=dilations,
        group=call.attribute("group"),
        output_padding=missing,
    )


def _conv_transpose(call: Call) -> str:
    """ConvTranspose's adjoint is Conv; output_padding may bring it a patch too many."""
    names = ("strides", "pads", "dilations", "group")
    attributes: dict[str, Any] = {name: call.attribute(name) for name in names}
    found = call.builder.add("Conv", [call.cotangent, call.input(1)], **attributes)
    extra, strides = _sizes(call, "output_padding"), _sizes(call, "strides")
    if all(more < step for more, step in zip(extra, strides, strict=True)):
        return found
    builder = call.builder
    ends = builder.integers(call.shape(0)[1:], "ends")
    starts, axes = builder.integers([0, 0], "starts"), builder.integers([2, 3], "axes")
    return builder.add("Slice", [found, starts, ends, axes])


def _sizes(call: Call, name: str) -> Shape:
    return cast(Shape, call.attribute(name))


def _reshape(call: Call) -> str:
    return emit_reshape(call.builder, call.cotangent, call.shape(0))


RULES: Mapping[str, Rule] = {
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Reshape": _reshape,
    "Flatten": _reshape,
}
