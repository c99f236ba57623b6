"""Build the ONNX graphs of a bundle in the form a board takes."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import onnx

from bitprior_export.artefacts.frames import build_frame_graph
from bitprior_export.artefacts.metadata import describe
from bitprior_export.graphs import (
    Form,
    StepRule,
    build_generate,
    build_gradient,
    build_recover,
    build_sense,
)
from bitprior_export.graphs.half import to_half
from bitprior_runtime.bundle import Bundle
from bitprior_runtime.bundle.limits import TRACE_STEPS
from bitprior_runtime.errors import UsageError
from bitprior_runtime.frames.onnx_kinds import frame_kinds, serves_frames
from bitprior_runtime.profiles import Profile
from bitprior_runtime.proximal_defaults import loop_options

Build: TypeAlias = Callable[[Bundle, Mapping[str, str], Form], onnx.ModelProto]

BUILDERS: Mapping[str, Build] = {
    "generate": lambda bundle, said, form: build_generate(bundle.generator, said, form),
    "sense": lambda bundle, said, form: build_sense(bundle.sensing, said, form),
    "gradient": lambda bundle, said, form: build_gradient(
        bundle.generator, bundle.sensing, said, form
    ),
    "recover": lambda bundle, said, form: build_recover(
        bundle.generator, bundle.sensing, step_rule(bundle), said, form
    ),
}


def step_rule(bundle: Bundle) -> StepRule:
    """Return what a step of a bundle's recover.onnx is."""
    options = loop_options(bundle.manifest.solver, TRACE_STEPS)
    return StepRule(options.sparsity, options.projection, options.momentum)


def build_artefacts(bundle: Bundle, target: Profile) -> dict[str, onnx.ModelProto]:
    """Return the graphs of use on a board, by kind.

    Args:
        bundle: The bundle.
        target: The board.

    Raises:
        UsageError: An op of the programs is newer than the opset the board's runtime takes.
    """
    onnx_support = target.onnx
    form = Form(onnx_support.opset, onnx_support.ir_version, onnx_support.batch or None)
    if serves_frames(bundle):
        return {kind: _build(kind, bundle, target, form) for kind in frame_kinds(bundle)}
    return {kind: _build(kind, bundle, target, form) for kind in onnx_support.files}


def _build(kind: str, bundle: Bundle, target: Profile, form: Form) -> onnx.ModelProto:
    framed = serves_frames(bundle)
    half = kind in target.onnx.half and not framed
    said = describe(bundle, kind, target, half)
    try:
        if framed:
            return build_frame_graph(bundle, kind, said, form)
        model = BUILDERS[kind](bundle, said, form)
        return to_half(model) if half else model
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise UsageError(
            f"ops that ONNX opset {form.opset} has, which {target.title} takes, in {kind}.onnx",
            str(error).strip().partition("\n")[0],
            "export for another target (bitprior devices), or without ONNX files: --targets none",
        ) from error
