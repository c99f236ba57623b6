"""Bind a prior to a frame, on an engine."""

from dataclasses import replace

from bitprior_runtime.bundle import Bundle
from bitprior_runtime.engines.base import DifferentiableEngine
from bitprior_runtime.engines.registry import AUTO, EngineContext, make_engine, onnx_folder
from bitprior_runtime.errors import UsageError
from bitprior_runtime.frames.framed import FramedPrior, PriorAtFrame
from bitprior_runtime.frames.onnx_frames import OnnxFramedPrior
from bitprior_runtime.frames.onnx_kinds import serves_frames
from bitprior_runtime.frames.tiled import TiledPrior


def prior_at(
    context: EngineContext, frame: tuple[int, int], engine: str, kernel: str = AUTO
) -> PriorAtFrame:
    """Bind a model to a frame.

    Args:
        context: The model, its threads and the width of its activations.
        frame: (H, W).
        engine: Name of the arithmetic.
        kernel: Name of the kernels.

    Raises:
        UsageError: A frame the model does not serve, or an engine without J^T c.
        BitpriorError: The engine cannot run here; the message says what is missing.
    """

    def make(bundle: Bundle) -> DifferentiableEngine:
        made = make_engine(replace(context, bundle=bundle, path=None), engine, kernel)
        if not isinstance(made, DifferentiableEngine):
            raise UsageError(
                "an engine that gives products with the Jacobian: float, integer",
                repr(engine),
                "choose one of them",
            )
        return made

    if engine == "onnx" and serves_frames(context.bundle):
        folder = onnx_folder(context, engine)
        return OnnxFramedPrior(context.bundle, frame, folder, context.threads)
    if context.bundle.manifest.frames is not None:
        return FramedPrior(context.bundle, frame, make)
    return TiledPrior(context.bundle, frame, make)
