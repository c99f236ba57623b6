"""Train, export, verify and recover at each bit width on scikit-learn's handwritten digits."""

import math
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bitprior_export.exporter import export_run
from bitprior_export.report import Findings, Report, parse_result, parse_samples, write_report
from bitprior_export.report.photo.results import PhotoResult
from bitprior_runtime.errors import CheckFailedError
from bitprior_runtime.images import write_array
from bitprior_runtime.model import Model, load
from bitprior_train.data import load_dataset
from bitprior_train.demo.facts import gather_facts
from bitprior_train.demo.photo import recover_photo
from bitprior_train.evaluate_session import Question, evaluate_bundles
from bitprior_train.session import Request, resolve_config, train_run

WIDTHS = (32, 4, 3, 2, 1)
# One 32-bit prior is trained first; every width, 32 included, goes on from it for as long as the
# others, so that no row of the table has had more training than another.
START = "base"
SHOWN = 10
RESTARTS = 4
# The papers' recovery at every width, whatever a bundle's own solver.
SOLVER, STEPS = "proximal", 50

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class DemoResult:
    """What the demo made.

    Attributes:
        report: The report's contents.
        path: Where it was written.
        bundles: The bundle of each bit width.
        photo: The recovered photo; None: there was no prior for it.
        seconds: Wall time.
    """

    report: Report
    path: Path
    bundles: dict[int, Path]
    photo: PhotoResult | None
    seconds: float


def run_demo(
    folder: Path, seed: int, steps: int, command: str, photo_priors: Sequence[Path], say: Say
) -> DemoResult:
    """Run the demo into a folder: runs/, bundles, results/, measurements.npy, report.html.

    Args:
        folder: Made if missing; an earlier demo in it is replaced.
        seed: Seed of everything.
        steps: Training steps of the common start, and of each width after it.
        command: The command line, for the report.
        photo_priors: Priors that recover the photo.
        say: Told of each thing done, in one line.
    """
    begin = time.perf_counter()
    runs = folder / "runs"
    shutil.rmtree(runs, ignore_errors=True)
    runs.mkdir(parents=True)
    results = folder / "results"
    results.mkdir(exist_ok=True)
    photo = recover_photo(photo_priors, results, command, say)
    config = resolve_config(Request("digits", runs / "none"))
    data = load_dataset("digits", config.data.split_seed, config.data.validation)
    bundles: dict[int, Path] = {}
    _train(runs / START, 32, seed, steps, None, say)
    for bits in WIDTHS:
        _train(runs / f"{bits}bit", bits, seed, steps, runs / START, say)
        bundles[bits] = folder / f"digits-{bits}bit.bitprior"
        exported = export_run(runs / f"{bits}bit", bundles[bits])
        say(f"Exported {bundles[bits].name}: {exported.bundle_bytes:,} bytes")
        _verify(load(bundles[bits]), bits, say)
    widest = load(bundles[32])
    answer = evaluate_bundles(
        Question(
            bundles=list(bundles.values()),
            dataset="digits",
            images=len(data.test),
            seed=seed,
            restarts=RESTARTS,
            solver=SOLVER,
            steps=STEPS,
            components=config.model.sparsity,
            out=results / "digits.json",
        )
    )
    found = parse_result(answer.result, "digits", parse_samples(answer.samples))
    for row in found.rows:
        say(f"Recovered {len(data.test)} test images at {row.bits} bits: {row.psnr.mean:.2f} dB")
    report = Report(
        "bitprior: what a bit width costs",
        _summary(widest, photo),
        Findings([found], photos=[] if photo is None else [photo]),
        gather_facts(data, found.rows[0], config, seed, command),
    )
    write_array(folder / "measurements.npy", answer.measurements[:SHOWN])
    path = folder / "report.html"
    write_report(path, report)
    return DemoResult(report, path, bundles, photo, time.perf_counter() - begin)


def _train(run: Path, bits: int, seed: int, steps: int, start: Path | None, say: Say) -> None:
    options: dict[str, dict[str, object]] = {
        "quantiser": {"bits": bits},
        "optimiser": {"steps": steps},
        "run": {"seed": seed},
    }
    trained = train_run(Request("digits", run, options=options, init_from=start))
    what = "common start" if start is None else f"{bits}-bit prior"
    say(f"Trained the {what}: {trained.steps} steps in {trained.seconds:.1f} s")


def _verify(model: Model, bits: int, say: Say) -> None:
    checks = model.verify()
    for check in checks:
        if not check.passed:
            raise CheckFailedError(
                f"{check.name} of the {bits}-bit bundle within {check.tolerance:g}",
                f"{check.difference:g}",
                "report this with the output of bitprior doctor",
            )
    say(f"Verified {len(checks)} quantities of {len(model.bundle.golden.latents)} golden cases")


def _summary(model: Model, photo: PhotoResult | None) -> str:
    first = "First a photo, recovered by the priors that come with bitprior from a tenth of its "
    first += "number of pixels in measurements, then handwritten digits, with priors trained here. "
    return ("" if photo is None else first) + (
        f"Handwritten digits of {math.prod(model.geometry)} pixels, each measured by only "
        f"{model.bundle.manifest.measurement.size} numbers and recovered from them by searching "
        "the latent space of a small generator. The generator's weights have 32, 4, 3, 2 or 1 "
        "bits; the recovery runs on numpy alone. For comparison: the mean training image, and the "
        "best approximation by as many principal components as the latent has non-zeros, which "
        "sees the image itself. The bundle holds the sensing network in 32-bit floats, and golden "
        "cases, beside the generator."
    )
