"""From a finished training run to a verified bundle; needs no torch."""

import os
import time
from pathlib import Path

import numpy as np

from bitprior_export.artefacts import OnnxOutput
from bitprior_export.bundle import write_bundle
from bitprior_export.errors import RunRecordError
from bitprior_export.golden import Golden, make_golden
from bitprior_export.manifest import make_manifest
from bitprior_export.program_check import check_gradient, check_program
from bitprior_export.qonnx.comparison import CheckReport
from bitprior_export.qonnx.document import open_onnx
from bitprior_export.qonnx.reader import Translation, translate
from bitprior_export.result import ExportResult
from bitprior_export.training_run import GENERATOR, SENSING, TrainingRun, read_run
from bitprior_runtime.bundle import Bundle, SolverDefaults
from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.errors import CheckFailedError
from bitprior_runtime.files import check_writable, write_atomically
from bitprior_runtime.golden import Check
from bitprior_runtime.model import load
from bitprior_runtime.program import Program
from bitprior_runtime.shapes import infer_shapes
from bitprior_runtime.summary import summarise

# The gradient is checked entry by entry; a few rows show what is wrong with an adjoint.
_GRADIENT_ROWS = 3
_LARGE = 100.0
_SEED = 20240229


def export_run(
    run_dir: str | os.PathLike[str],
    out_path: str | os.PathLike[str],
    onnx_dir: str | os.PathLike[str] | None = None,
    target: str = "pc",
) -> ExportResult:
    """Turn a run into a bundle, verified node by node; ``out_path`` changes only if all is well.

    Args:
        run_dir: Folder of a finished ``bitprior train``.
        out_path: The ``.bitprior`` file to write.
        onnx_dir: Folder for ONNX files of the same model; None for no such files.
        target: Board the ONNX files are made for, see ``bitprior devices``.

    Raises:
        UnwritableOutputError: ``out_path`` cannot be written; nothing was done.
        MissingFileError: No such run.
        UnfinishedRunError: The run has not written its networks yet.
        RunRecordError: run.json, the images or the networks do not fit each other.
        QonnxError, UnsupportedOpError: A network is not one a program can hold.
        CheckFailedError: The program, its gradient or the written bundle is wrong.
    """
    begin = time.perf_counter()
    out = check_writable(out_path)
    onnx = OnnxOutput.checked(onnx_dir, target)
    run = read_run(run_dir)
    networks = {
        "generator": translate(open_onnx(run.folder / GENERATOR), "generator", "z", "x"),
        "sensing": translate(open_onnx(run.folder / SENSING), "sensing", "x", "y"),
    }
    generator, sensing = (networks[name].program for name in ("generator", "sensing"))
    _check_shapes(run, generator, sensing)
    solver = SolverDefaults(step_size=run.step_size, sparsity=run.sparsity)
    golden = make_golden(generator, sensing, run.images, solver)
    reports = _check_nodes(run, networks["generator"], networks["sensing"], golden)
    slope_difference = check_gradient(
        generator,
        sensing,
        golden.cases.latents[:_GRADIENT_ROWS],
        golden.cases.measurements[:_GRADIENT_ROWS],
    )
    manifest = make_manifest(run, generator, sensing, solver, golden.tolerances)
    bundle = Bundle(manifest, generator, sensing, golden.cases)
    with onnx.staged(bundle) as artefacts:
        checks = _write_verified(out, artefacts.sealed(bundle) if artefacts else bundle)
    rows = summarise(generator, sensing)
    return ExportResult(
        path=out,
        bits=manifest.bits,
        layers=sum(row.program == "generator" and row.weights > 0 for row in rows),
        rows=rows,
        bundle_bytes=out.stat().st_size,
        nodes=sum(report.nodes for report in reports),
        max_difference=max(report.max_difference for report in reports),
        gradient_difference=slope_difference,
        descending=golden.descending,
        checks=checks,
        artefacts=artefacts,
        seconds=time.perf_counter() - begin,
    )


def _check_shapes(run: TrainingRun, generator: Program, sensing: Program) -> None:
    """Check z [k] -> x [C,H,W] -> y [m], as run.json says."""
    wanted = ((run.latent,), run.geometry, run.geometry, (run.measurements,))
    found = (
        *generator.inputs.values(),
        infer_shapes(generator)[generator.output],
        *sensing.inputs.values(),
        infer_shapes(sensing)[sensing.output],
    )
    if wanted != found:
        arrows = "generator {} -> {}, sensing {} -> {}"
        raise RunRecordError(
            f"{arrows.format(*wanted)}, as run.json says",
            arrows.format(*found),
            "export the files of one and the same run",
        )


def _check_nodes(
    run: TrainingRun, generator: Translation, sensing: Translation, golden: Golden
) -> tuple[CheckReport, CheckReport]:
    engine = FloatEngine(generator.program, sensing.program)
    rng = np.random.default_rng(_SEED)
    noise = rng.standard_normal((3, run.latent), dtype=np.float32)
    latents = {
        "golden": golden.cases.latents,
        "random": noise,
        "zeros": np.zeros((1, run.latent), dtype=np.float32),
        "large": np.float32(_LARGE) * noise,
    }
    images = {
        "real": run.images[: len(golden.cases.latents)],
        "generated": golden.cases.images,
        "black": np.zeros((1, *run.geometry), dtype=np.float32),
        "white": np.ones((1, *run.geometry), dtype=np.float32),
    }
    return (
        check_program(engine, "generator", generator, latents),
        check_program(engine, "sensing", sensing, images),
    )


def _write_verified(out: Path, bundle: Bundle) -> list[Check]:
    """Write beside ``out``, read back, replay the golden cases; only then replace ``out``."""
    staged = out.with_name(f".{out.name}.unverified")
    try:
        write_bundle(staged, bundle)
        checks = load(staged).verify()
        for check in checks:
            if not check.passed:
                raise CheckFailedError(
                    f"{check.name} of the written bundle within {check.tolerance:g}",
                    f"{check.difference:g}",
                    "nothing was written; report this with the output of bitprior doctor",
                )
        write_atomically(out, staged.read_bytes())
    finally:
        staged.unlink(missing_ok=True)
    return checks
