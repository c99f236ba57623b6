"""Artefacts for ONNX Runtime Training: z is the only trainable parameter, all weights are frozen.

The package is no longer developed: 1.19.2 is its last release, for x86 alone. It takes the place of
onnxruntime, so it needs a Python environment of its own; see ``docs/onnx-training.md``.
``gradient.onnx`` does the same on any ONNX runtime.
"""

import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto

from bitprior_export.errors import ExportError
from bitprior_export.graphs.training.measured import IR_VERSION, LATENT, build_measured
from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.errors import CheckFailedError, UsageError
from bitprior_runtime.files import check_writable, write_atomically
from bitprior_runtime.program import Program

PACKAGE = "onnxruntime-training-cpu==1.19.2"
FILES = ("training_model.onnx", "eval_model.onnx", "optimizer_model.onnx", "checkpoint")
TOLERANCE = 1e-4
# Small enough that no row overflows, large enough to see the step.
_RATE = 1e-3
_SEED = 20240229


def is_available() -> bool:
    """Return whether this Python has ONNX Runtime Training."""
    return (
        importlib.util.find_spec("onnxruntime") is not None
        and importlib.util.find_spec("onnxruntime.training") is not None
    )


def build_training_artefacts(
    generator: Program, sensing: Program, folder: str | os.PathLike[str], rows: int = 1
) -> Sequence[Path]:
    """Write training, eval and optimizer graph and a checkpoint, after a check of the gradient.

    The trainable parameter is ``z`` [rows, k], zeros at first; the input is ``target`` [rows, m],
    the measurements; the loss is sum ||target - A(G(z))||^2 over the rows, so that each row has
    the gradient of its own f. The optimizer is plain gradient descent.

    Args:
        generator: Program z -> x, without BatchNormalization, as programs are.
        sensing: Program x -> y.
        folder: An existing folder; files in it are replaced once all are right.
        rows: Latents searched at a time, at least 1.

    Returns:
        The files of FILES.

    Raises:
        UsageError: The package is not installed, ``rows`` is below 1, or a program is one that
            cannot be rewritten for it.
        UnwritableOutputError: ``folder`` cannot be written.
        ExportError: The package cannot differentiate the programs.
        CheckFailedError: The gradient differs from the float engine's.
    """
    if rows < 1:
        raise UsageError("rows of at least 1", f"{rows}", "give the number of latents")
    paths = [check_writable(Path(folder) / name) for name in FILES]
    if not is_available():
        raise UsageError(
            f"the package {PACKAGE} for the target onnx-training",
            "it is not installed",
            "use a Python environment of its own (it takes the place of onnxruntime) with "
            f"{PACKAGE}, torch and onnx, see docs/onnx-training.md; or use gradient.onnx instead",
        )
    model = build_measured(generator, sensing, rows)
    with tempfile.TemporaryDirectory() as scratch:
        _generate(model, Path(scratch))
        _check(Path(scratch), generator, sensing, rows)
        for path in paths:
            write_atomically(path, (Path(scratch) / path.name).read_bytes())
    return paths


def _generate(model: onnx.ModelProto, folder: Path) -> None:
    from onnxruntime.training import artifacts, onnxblock

    frozen = [
        tensor.name
        for tensor in model.graph.initializer
        if tensor.name != LATENT and tensor.data_type == TensorProto.FLOAT
    ]
    with _understood():
        artifacts.generate_artifacts(
            model,
            requires_grad=[LATENT],
            frozen_params=frozen,
            loss=onnxblock.loss.MSELoss(reduction="sum"),
            optimizer=artifacts.OptimType.SGD,
            artifact_directory=folder,
        )
    # onnx writes its own newest IR version into the optimizer; the package reads no such file.
    for name in FILES[:3]:
        written = onnx.load(folder / name)
        written.ir_version = min(written.ir_version, IR_VERSION)
        onnx.save(written, folder / name)


@contextmanager
def _understood() -> Iterator[None]:
    """Turn the package's errors into ours, and keep its log of every transformation quiet.

    The log comes from C++, past Python's ``sys.stderr``, whatever its severity is set to.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    except Exception as error:  # pybind raises RuntimeError and types of its own
        reason = str(error).strip().partition("\n")[0]
        raise ExportError(
            "programs that ONNX Runtime Training can differentiate on a CPU",
            # Behind the C++ signature of whatever function noticed.
            reason.rpartition(" was false. ")[2].rpartition("NOT_IMPLEMENTED : ")[2],
            "leave the target onnx-training out: gradient.onnx has the gradient of every op",
        ) from error
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _check(folder: Path, generator: Program, sensing: Program, rows: int) -> None:
    """Take one step from a random latent; gradient and step must be those of the float engine."""
    from onnxruntime.training.api import CheckpointState, Module, Optimizer

    training, evaluation, optimizer, checkpoint = (str(folder / name) for name in FILES)
    ((size,),) = generator.inputs.values()
    rng = np.random.default_rng(_SEED)
    engine = FloatEngine(generator, sensing)
    z = rng.standard_normal((rows, size), dtype=np.float32)
    # Not those of a similar image: a residual of nearly equal numbers is mostly rounding.
    target = engine.sense(engine.generate(z)) / 2
    with _understood():
        state = CheckpointState.load_checkpoint(checkpoint)
        module = Module(training, state, evaluation)
        descent = Optimizer(optimizer, module)
        state.parameters[LATENT].data = z
        module.train()
        loss = float(module(target))
        gradient = state.parameters[LATENT].grad.copy()
        descent.set_learning_rate(_RATE)
        descent.step()
        stepped = state.parameters[LATENT].data
    losses, expected = engine.value_and_grad(z, target)
    _compare("loss", np.array(loss), losses.sum())
    _compare("gradient", gradient, expected)
    _compare("latent after one step", stepped, z - _RATE * expected)


def _compare(what: str, found: NDArray[Any], expected: NDArray[Any]) -> None:
    difference = np.abs(found - expected).max() / np.abs(expected).max()
    if not difference <= TOLERANCE:
        raise CheckFailedError(
            f"the float engine's {what} from ONNX Runtime Training, within {TOLERANCE:g}",
            f"a relative difference of {difference:.3g}",
            "nothing was written; leave the target onnx-training out",
        )
