"""From the run of a photo prior to a verified bundle; needs no torch."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bitprior_export.artefacts import OnnxOutput
from bitprior_export.calibration import calibrate, calibrate_search
from bitprior_export.golden import make_golden
from bitprior_export.manifest import make_producer, usual_weights
from bitprior_export.photo.cotangents import choose_cotangents
from bitprior_export.photo.run import PhotoRun
from bitprior_export.photo.searching import reframed, searched
from bitprior_export.program_check import check_gradient, check_program
from bitprior_export.qonnx.comparison import CheckReport
from bitprior_export.result import ExportResult
from bitprior_export.source import ends
from bitprior_export.step_size import find_step_size
from bitprior_export.verified import write_verified
from bitprior_runtime.bundle import (
    Bundle,
    Calibration,
    Frames,
    Manifest,
    Measurement,
    SolverDefaults,
    Tolerances,
)
from bitprior_runtime.bundle.identity import identity_sensing
from bitprior_runtime.bundle.manifest import NO_MEASUREMENT, ActivationBits
from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.engines.tape import NumpyProgram
from bitprior_runtime.files import check_writable, sole_writer
from bitprior_runtime.frames.reframe import reframe
from bitprior_runtime.program import Program
from bitprior_runtime.shapes import infer_shapes
from bitprior_runtime.summary import rows_of

Floats = NDArray[np.float32]

CASES = 3  # golden ones: the file stays small
# Widths of the integer engine: photos of 30 dB and more show what 8 bits round away.
_ACTIVATIONS: ActivationBits = 16
# Ranges are this much wider than all that was met: of 16 bits one can be spared.
_HEADROOM = 2.0
_ROWS = 8
# Steps that only lower the loss, after the trained ones: on validation photos the first is worth
# 0.03 dB at 25 % and 0.00 at 1 to 10 % or with noise, the next four together less than 0.01.
_MORE = 1
_STARTS = 12  # rows that a step size is looked for on
_SEED = 20240229
_LARGE = 10


def export_photo(
    open_run: Callable[[], PhotoRun], out_path: str | os.PathLike[str], onnx: OnnxOutput
) -> ExportResult:
    """Turn a run into a bundle, verified node by node; ``out_path`` changes only if all is well.

    Args:
        open_run: Returns the run; called once it is known that ``out_path`` can be written.
        out_path: The ``.bitprior`` file to write.
        onnx: Where ONNX files go, and for which board.

    Raises:
        UnwritableOutputError: ``out_path`` cannot be written; nothing was done.
        CheckFailedError: A program, its gradient or the written bundle is wrong.
        And what ``open_run`` raises.
    """
    out = check_writable(out_path)
    with sole_writer(out, *onnx.folders):
        return _export(open_run, out, onnx)


def _export(open_run: Callable[[], PhotoRun], out: Path, onnx: OnnxOutput) -> ExportResult:
    begin = time.perf_counter()
    run = open_run()
    reports = _check_nodes(run)
    generator, sensing = run.generator.program, identity_sensing(run.geometry)
    golden_solver = _solver(run, generator)
    golden = make_golden(generator, sensing, run.images, golden_solver, CASES)
    latents = golden.cases.latents
    differences = (
        check_gradient(generator, sensing, latents, golden.cases.measurements),
        _check_penalty(run, latents),
    )
    manifest = replace(
        _manifest(run, golden_solver), tolerances=golden.tolerances, calibration=_calibration(run)
    )
    bundle = Bundle(manifest, generator, sensing, golden.cases, run.search)
    bundle = choose_cotangents(bundle, run.crops)
    with onnx.staged(bundle) as artefacts:
        checks = write_verified(out, artefacts.sealed(bundle) if artefacts else bundle)
    rows = [row for program in bundle.stored_programs.values() for row in rows_of(program)]
    return ExportResult(
        path=out,
        bits=bundle.manifest.bits,
        layers=sum(row.weights > 0 for row in rows),
        rows=rows,
        bundle_bytes=out.stat().st_size,
        nodes=sum(report.nodes for report in reports),
        max_difference=max(report.max_difference for report in reports),
        gradient_difference=max(differences),
        descending=golden.descending,
        checks=checks,
        artefacts=artefacts,
        seconds=time.perf_counter() - begin,
    )


def _solver(run: PhotoRun, generator: Program) -> SolverDefaults:
    """Return the learned search as the solver, with the step of those that can take its place."""
    engine = FloatEngine(generator, identity_sensing(run.geometry))
    y = engine.sense(run.images[:_STARTS])
    z0 = np.zeros((len(y), ends(run.generator)[0][0]), np.float32)
    return SolverDefaults(
        step_size=find_step_size(engine, y, z0),
        steps=run.schedule.steps + _MORE,
        initial_latent="zero",
        name="learned",
    )


def _manifest(run: PhotoRun, solver: SolverDefaults) -> Manifest:
    bits, grid, granularity = usual_weights(run.generator.program)
    _, height, width = run.geometry
    return Manifest(
        name=run.name,
        producer=make_producer(),
        geometry=run.geometry,
        latent=ends(run.generator)[0][0],
        measurement=Measurement(NO_MEASUREMENT, height * width),
        bits=bits,
        grid=grid,
        granularity=granularity,
        solver=solver,
        tolerances=Tolerances(0.0, 0.0, 0.0, 0.0),  # those of the golden cases follow
        licence=run.licence,
        training=run.training,
        latents={"z": run.maps},
        frames=Frames(height // run.maps[1]),
    )


class _Alone:
    """A program by itself, as :func:`check_program` takes it."""

    def __init__(self, program: Program) -> None:
        self._program = NumpyProgram(program, np.float32)
        (self._input,) = program.inputs

    def trace(
        self, which: Literal["generator", "sensing"], value: NDArray[Any], /
    ) -> Mapping[str, NDArray[Any]]:
        """Return every activation by name."""
        return self._program.forward({self._input: np.asarray(value, dtype=np.float32)})


def _check_nodes(run: PhotoRun) -> list[CheckReport]:
    """Compare every node of the three programs with qonnx's executor.

    Raises:
        CheckFailedError: A node differs; the first one is named.
    """
    random = np.random.default_rng(_SEED)
    some = run.images[:_ROWS].reshape(min(_ROWS, len(run.images)), -1)
    centred = some - np.float32(run.covariance.mean)
    spread = np.full_like(centred, 0.5 * run.covariance.deviation)
    u = np.concatenate([centred, spread], axis=1)
    starts = _Alone(run.start.program).trace("generator", u)[run.start.program.output]
    z = starts.reshape(len(u), -1)
    reports = []
    for translation, real in ((run.start, u), (run.generator, z), (run.penalty, z)):
        noise = random.standard_normal((3, real.shape[1]), dtype=np.float32)
        cases = {
            "real": real,
            "random": noise,
            "zeros": np.zeros_like(noise[:1]),
            "large": np.float32(_LARGE) * noise,
        }
        tracer = _Alone(translation.program)
        reports.append(check_program(tracer, "generator", translation, cases))
    return reports


def _check_penalty(run: PhotoRun, latents: Floats) -> float:
    """Compare K1^T with central differences of |K1 z - w|^2; return the largest difference.

    Raises:
        CheckFailedError: It is too large.
    """
    program = run.penalty.program
    c, h, w = infer_shapes(program)[program.output]
    targets = np.zeros((len(latents), c * h * w), np.float32)
    return check_gradient(program, identity_sensing((c, h, w)), latents, targets)


def _calibration(run: PhotoRun) -> Calibration:
    """Choose ranges from what the programs meet while crops are recovered from random blocks."""
    native, stride = run.geometry[1:], run.geometry[1] // run.maps[1]
    frame = tuple(size // stride * stride for size in run.crops.shape[2:])
    crops = run.crops[:, :, : frame[0], : frame[1]]
    generator = reframe(run.generator.program, (native[0], native[1]), (frame[0], frame[1]))
    search = reframed(run.search, (native[0], native[1]), (frame[0], frame[1]))
    met = searched(generator, search, crops)
    sensing = identity_sensing((1, frame[0], frame[1]))
    found = calibrate(generator, sensing, crops, met.z, "max", _ACTIVATIONS, measures=False)
    ranges = {**found.absmax, **calibrate_search(search, met.u, met.z, "max", _ACTIVATIONS)}
    wider = {
        program: {name: _HEADROOM * value for name, value in absmax.items()}
        for program, absmax in ranges.items()
    }
    return replace(found, absmax=wider)
