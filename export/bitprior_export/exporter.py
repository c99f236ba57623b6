"""From networks to a verified bundle; needs no torch."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from bitprior_export.activation_width import choose_widths
from bitprior_export.artefacts import OnnxOutput
from bitprior_export.artefacts.qonnx_files import default_folder as qonnx_folder
from bitprior_export.artefacts.qonnx_files import write_qonnx_files
from bitprior_export.calibration import calibrate_on_recoveries
from bitprior_export.cut_source import cut_source
from bitprior_export.foreign import ForeignOptions, foreign_source
from bitprior_export.golden import make_golden
from bitprior_export.graphs.training.apart import default_folder as training_folder
from bitprior_export.graphs.training.apart import write_training_files
from bitprior_export.manifest import make_manifest
from bitprior_export.photo.exporter import export_photo
from bitprior_export.photo.run import is_photo_run, read_photo_run
from bitprior_export.prior_source import is_prior_run, prior_source
from bitprior_export.program_check import check_gradient
from bitprior_export.result import ExportResult
from bitprior_export.run_source import source_of_run
from bitprior_export.solver_selection import select_solver
from bitprior_export.source import Source
from bitprior_export.source_check import check_nodes
from bitprior_export.training_run import read_run
from bitprior_export.verified import write_verified
from bitprior_runtime.bundle import Bundle
from bitprior_runtime.errors import UsageError
from bitprior_runtime.files import check_writable, sole_writer
from bitprior_runtime.summary import summarise

# The gradient is checked entry by entry; a few rows show what is wrong with an adjoint.
_GRADIENT_ROWS = 3


@dataclass(frozen=True)
class ExportOptions:
    """What an export writes, whatever it starts from.

    Attributes:
        onnx_dir: Folder for ONNX files of the same model; None for no such files.
        target: Board the ONNX files are made for, see ``bitprior devices``.
        cut: Name or number of the boundary before which the generator is cut; None: whole.
        qonnx: Write ``<stem>-qonnx``, the programs for the tools around QONNX, too.
        training: Write ``<stem>-onnx-training``, the files of ONNX Runtime Training, too.
    """

    onnx_dir: str | os.PathLike[str] | None = None
    target: str = "pc"
    cut: str | None = None
    qonnx: bool = False
    training: bool = False


_PLAIN = ExportOptions()


def export_run(
    run_dir: str | os.PathLike[str],
    out_path: str | os.PathLike[str],
    options: ExportOptions = _PLAIN,
    sensing_bits: int | None = None,
    sensing: str | None = None,
) -> ExportResult:
    """Turn a run into a bundle, verified node by node; ``out_path`` changes only if all is well.

    Args:
        run_dir: Folder of a finished ``bitprior train``.
        out_path: The ``.bitprior`` file to write.
        options: What else to write, and how.
        sensing_bits: Bits that the sensing network's float weights are quantised to, or None.
        sensing: What measures the images of a prior that was trained alone: an ONNX file or an
            operator; None: the run has its own sensing network.

    Raises:
        MissingFileError: No such run.
        UnfinishedRunError: The run has not written its networks yet.
        RunRecordError: run.json, the images or the networks do not fit each other.
        UsageError: ``sensing`` is missing, or one too many.
        And what :func:`export_source` raises.
    """
    if is_photo_run(run_dir):
        _check_photo_options(options, sensing_bits, sensing)
        onnx = OnnxOutput.checked(options.onnx_dir, options.target)
        return export_photo(lambda: read_photo_run(run_dir), out_path, onnx)
    return export_source(lambda: _open_run(run_dir, sensing_bits, sensing), out_path, options)


def _check_photo_options(
    options: ExportOptions, sensing_bits: int | None, sensing: str | None
) -> None:
    """Refuse what does not go with a photo prior.

    Raises:
        UsageError: Some of it was asked for.
    """
    asked = {
        "--sensing": sensing is not None,
        "--sensing-bits": sensing_bits is not None,
        "--cut": options.cut is not None,
        "--targets qonnx": options.qonnx,
        "--targets onnx-training": options.training,
    }
    if any(asked.values()):
        raise UsageError(
            "a RUN of a photo prior alone: it takes any operator when it recovers, "
            "bitprior recover --operator",
            ", ".join(name for name, given in asked.items() if given),
            "leave it out",
        )


def _open_run(
    folder: str | os.PathLike[str], sensing_bits: int | None, sensing: str | None
) -> Source:
    if not is_prior_run(folder):
        if sensing is not None:
            raise UsageError(
                "a RUN that has its sensing network without --sensing", sensing[:80], "leave it out"
            )
        return source_of_run(read_run(folder), sensing_bits)
    if sensing is None:
        raise UsageError(
            "--sensing with a RUN of a prior, which measures nothing by itself",
            "none",
            "name a file or an operator such as gaussian:m=600,seed=0",
        )
    return prior_source(folder, sensing, sensing_bits)


def export_foreign(
    foreign: ForeignOptions, out_path: str | os.PathLike[str], options: ExportOptions = _PLAIN
) -> ExportResult:
    """Turn networks that bitprior did not train into a bundle, as :func:`export_run` does.

    Raises:
        What :func:`bitprior_export.foreign.foreign_source` and :func:`export_source` raise.
    """
    return export_source(lambda: foreign_source(foreign), out_path, options)


def export_source(
    open_source: Callable[[], Source],
    out_path: str | os.PathLike[str],
    options: ExportOptions = _PLAIN,
) -> ExportResult:
    """Turn a source into a bundle, verified node by node.

    Args:
        open_source: Returns the source; called once it is known that ``out_path`` can be written.
        out_path: The ``.bitprior`` file to write; it changes only if all is well.
        options: What else to write, and how.

    Raises:
        UnwritableOutputError: ``out_path`` cannot be written; nothing was done.
        UsageError: No such board, or no such boundary to cut at.
        QonnxError, UnsupportedOpError: A network is not one a program can hold.
        CheckFailedError: The program, its gradient or the written bundle is wrong.
    """
    out = check_writable(out_path)
    onnx = OnnxOutput.checked(options.onnx_dir, options.target)
    with sole_writer(out, *onnx.folders):
        return _export(open_source, out, onnx, options)


def _export(
    open_source: Callable[[], Source], out: Path, onnx: OnnxOutput, options: ExportOptions
) -> ExportResult:
    begin = time.perf_counter()
    source = open_source()
    reports = check_nodes(source)
    if options.cut is not None:
        source = cut_source(source, options.cut)
    generator, sensing = source.generator.program, source.sensing.program
    if source.select:
        solver = select_solver(generator, sensing, source.images, source.solver)
        source = replace(source, solver=solver)
    golden = make_golden(generator, sensing, source.images, source.solver)
    slope_difference = check_gradient(
        generator,
        sensing,
        golden.cases.latents[:_GRADIENT_ROWS],
        golden.cases.measurements[:_GRADIENT_ROWS],
    )
    calibration = calibrate_on_recoveries(generator, sensing, source.images, source.solver)
    manifest = replace(make_manifest(source, golden.tolerances), calibration=calibration)
    bundle = choose_widths(Bundle(manifest, generator, sensing, golden.cases), source.images)
    if options.qonnx:
        write_qonnx_files(bundle, qonnx_folder(out))
    if options.training:
        write_training_files(bundle, training_folder(out))
    with onnx.staged(bundle) as artefacts:
        checks = write_verified(out, artefacts.sealed(bundle) if artefacts else bundle)
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
