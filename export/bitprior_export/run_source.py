"""A finished training run as the source of an export."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bitprior_export.errors import RunRecordError
from bitprior_export.manifest import usual_weights
from bitprior_export.qonnx.document import open_onnx
from bitprior_export.qonnx.reader import Translation, translate
from bitprior_export.solver_selection import FEW_STEPS
from bitprior_export.source import Source, ends, sha256_by_name
from bitprior_export.training_run import GENERATOR, SENSING, TrainingRun
from bitprior_runtime.bundle import SolverDefaults

LINEAR_RESIDUAL = "linear-residual"  # kind of such a run, in run.json
# Of run.json, these are said elsewhere in the manifest.
_ELSEWHERE = (
    "licence",
    "projection",
    "geometry",
    "bits",
    "grid",
    "latent",
    "measurements",
    "measurement_kind",
)


def source_of_run(run: TrainingRun, sensing_bits: int | None = None) -> Source:
    """Open a run's networks.

    Args:
        run: The run.
        sensing_bits: Bits that the sensing network's float weights are quantised to, or None.

    Raises:
        RunRecordError: run.json and the networks do not fit each other.
        QonnxError, UnsupportedOpError: A network is not one a program can hold.
    """
    generator = translate(open_onnx(run.folder / GENERATOR), "generator", "z", "x")
    sensing = translate(open_onnx(run.folder / SENSING), "sensing", "x", "y", sensing_bits)
    _check_record(run, generator, sensing)
    convolutional = any(node.op == "Conv" for node in sensing.program.nodes)
    return Source(
        name=_name(run),
        generator=generator,
        sensing=sensing,
        measurement=run.measurement_kind or ("cnn" if convolutional else "mlp"),
        images=run.images,
        solver=_solver(run),
        licence=run.licence,
        training={**_training(run), "sensing_bits_after_training": sensing_bits},
        select=True,
    )


def _solver(run: TrainingRun) -> SolverDefaults:
    """Return how recoveries run; those of linear sensing are a few steps from z = y."""
    solver = SolverDefaults(
        step_size=run.step_size, sparsity=run.sparsity, projection=run.projection
    )
    if run.record.get("kind") != LINEAR_RESIDUAL:
        return solver
    return replace(solver, initial_latent="measurement", steps=FEW_STEPS[-1])


def _name(run: TrainingRun) -> str:
    system = run.record.get("system", "sdlss")
    stem = run.dataset if system == "sdlss" else f"{run.dataset}-{system}"
    return f"{stem}-{run.bits}bit"


def _check_record(run: TrainingRun, generator: Translation, sensing: Translation) -> None:
    """Check shapes z [k] -> x [C,H,W] -> y [m] and the bit width against run.json."""
    wanted = ((run.latent,), run.geometry, run.geometry, (run.measurements,))
    found = (*ends(generator), *ends(sensing))
    todo = "export the files of one and the same run"
    if wanted != found:
        arrows = "generator {} -> {}, sensing {} -> {}"
        raise RunRecordError(
            f"{arrows.format(*wanted)}, as run.json says", arrows.format(*found), todo
        )
    bits, _, _ = usual_weights(generator.program)
    if bits != run.bits:
        raise RunRecordError(
            f"a {run.bits}-bit generator, as run.json says", f"{bits} bits in {GENERATOR}", todo
        )


def _training(run: TrainingRun) -> Mapping[str, Any]:
    kept = {name: value for name, value in run.record.items() if name not in _ELSEWHERE}
    sources = sha256_by_name(run.folder / GENERATOR, run.folder / SENSING)
    if isinstance(start := kept.get("init_from"), str):
        kept["init_from"] = Path(start).name  # the rest is nobody's business but this machine's
    return {**kept, "sources": sources}
