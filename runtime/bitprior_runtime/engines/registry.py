"""The engines a model can run on: each is one class, and one line of ``KINDS``.

An engine is imported when it is made: a program that only reads a bundle pays for none of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bitprior_runtime.bundle import Bundle, GoldenCases
from bitprior_runtime.bundle.manifest import NO_MEASUREMENT, Calibration
from bitprior_runtime.engines.base import Engine
from bitprior_runtime.engines.float_engine import FloatEngine
from bitprior_runtime.errors import BitpriorError, UsageError
from bitprior_runtime.kernels.library import choose_kernel, choose_threads, kernels
from bitprior_runtime.program import Program

AUTO = "auto"


@dataclass(frozen=True)
class EngineContext:
    """What an engine is made from.

    Attributes:
        bundle: The model.
        path: The file it was read from; ONNX files lie beside it. None for a bundle in memory.
        threads: Threads an engine may use; None leaves it to the engine.
        activation_bits: 8 or 16, of the integer engine; None: the bundle's.
    """

    bundle: Bundle
    path: Path | None = None
    threads: int | None = None
    activation_bits: int | None = None


@dataclass(frozen=True)
class EngineKind:
    """One arithmetic on one set of kernels.

    Attributes:
        engine: Name of the arithmetic.
        kernel: Name of the kernels.
        make: Makes the engine, or raises a BitpriorError that says what is missing.
    """

    engine: str
    kernel: str
    make: Callable[[EngineContext], Engine]


def _float_numpy(context: EngineContext) -> Engine:
    return FloatEngine(context.bundle.generator, context.bundle.sensing)


def _float_native(context: EngineContext) -> Engine:
    from bitprior_runtime.engines.native_float_engine import NativeFloatEngine

    bundle = context.bundle
    return NativeFloatEngine(bundle.generator, bundle.sensing, threads=context.threads)


def _integer_numpy(context: EngineContext) -> Engine:
    from bitprior_runtime.engines.integer_engine import IntegerEngine

    return IntegerEngine(*_integer_parts(context))


def _integer_parts(
    context: EngineContext,
) -> tuple[Program, Program, Calibration | None, int | None, GoldenCases | None]:
    bundle, bits = context.bundle, context.activation_bits
    calibration = bundle.manifest.calibration
    # The identity has no weights whose rounding could be corrected.
    alone = bundle.manifest.measurement.kind == NO_MEASUREMENT
    golden = None if alone else bundle.golden
    return bundle.generator, bundle.sensing, calibration, bits, golden


def _integer_native(context: EngineContext) -> Engine:
    from bitprior_runtime.engines.native_integer_engine import NativeIntegerEngine

    return NativeIntegerEngine(*_integer_parts(context), threads=context.threads)


def _onnx(context: EngineContext) -> Engine:
    from bitprior_runtime.engines.onnx_engine import OnnxEngine

    return OnnxEngine(context.bundle, onnx_folder(context, "onnx"), context.threads)


def _onnx_training(context: EngineContext) -> Engine:
    from bitprior_runtime.engines.onnx_training_engine import OnnxTrainingEngine

    return OnnxTrainingEngine(context.bundle, onnx_folder(context, "onnx-training"))


# For each engine the kernels in order of preference: the first that can be made is taken.
KINDS: tuple[EngineKind, ...] = (
    EngineKind("float", "native", _float_native),
    EngineKind("float", "numpy", _float_numpy),
    EngineKind("integer", "native", _integer_native),
    EngineKind("integer", "numpy", _integer_numpy),
    EngineKind("onnx", "onnxruntime", _onnx),
    EngineKind("onnx-training", "onnxruntime-training", _onnx_training),
)


def engine_names() -> tuple[str, ...]:
    """Return the names of all engines."""
    return tuple(dict.fromkeys(kind.engine for kind in KINDS))


def kernel_names() -> tuple[str, ...]:
    """Return the names of all kernels."""
    return tuple(dict.fromkeys(kind.kernel for kind in KINDS))


def onnx_folder(context: EngineContext, target: str) -> Path | None:
    """Return the folder of a target's files: ``<stem>-<target>`` beside the bundle."""
    if context.path is None:
        return None
    return context.path.with_name(f"{context.path.stem}-{target}")


def make_engine(context: EngineContext, engine: str, kernel: str = AUTO) -> Engine:
    """Make an engine.

    Args:
        context: What it is made from.
        engine: Name of the arithmetic.
        kernel: Name of the kernels; ``auto`` takes the first of the engine's that works here.

    Raises:
        UsageError: Unknown names, or kernels this engine does not have.
        BitpriorError: It cannot run here; the message says what is missing.
    """
    check_wishes(context)
    kinds = candidates(engine, kernel)
    for kind in kinds[:-1]:
        try:
            return kind.make(context)
        except BitpriorError:
            continue  # the next kernels do the same, slower
    return kinds[-1].make(context)


def check_wishes(context: EngineContext) -> None:
    """Check what is asked of an engine before other kernels could take its place in silence.

    Raises:
        UsageError: A number of threads, of bits, or a name in BITPRIOR_KERNEL that cannot be.
    """
    threads = context.threads
    if threads is not None and not isinstance(threads, int | np.integer):
        raise UsageError("1 to 256 threads", f"{threads!r}", "change threads")
    choose_threads(threads)
    bits = context.activation_bits
    if bits is not None and not (isinstance(bits, int | np.integer) and bits in (8, 16)):
        raise UsageError("8 or 16 activation bits", f"{context.activation_bits!r}", "choose one")
    if kernels():
        choose_kernel()


def candidates(engine: str, kernel: str) -> list[EngineKind]:
    """Return the kinds a choice of names leaves; ``auto`` stands for any.

    Raises:
        UsageError: None is left.
    """
    for what, name, known in (
        ("an engine", engine, engine_names()),
        ("a kernel", kernel, kernel_names()),
    ):
        if not isinstance(name, str) or name not in (AUTO, *known):
            raise UsageError(f"{what} among: {', '.join((AUTO, *known))}", repr(name), "choose one")
    kinds = [
        kind for kind in KINDS if engine in (AUTO, kind.engine) and kernel in (AUTO, kind.kernel)
    ]
    if not kinds:
        offered = ", ".join(kind.kernel for kind in KINDS if kind.engine == engine)
        raise UsageError(f"kernels of the engine {engine!r}: {offered}", repr(kernel), "choose one")
    return kinds
