"""Train, export, verify and recover at each bit width on scikit-learn's handwritten digits."""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bitprior_export.exporter import export_run
from bitprior_export.report import Baseline, Report, Row, write_report
from bitprior_runtime.errors import CheckFailedError
from bitprior_runtime.images import write_array
from bitprior_runtime.model import Model, load
from bitprior_train.baselines import fit_principal_components
from bitprior_train.data import Dataset, load_dataset
from bitprior_train.demo.facts import gather_facts
from bitprior_train.evaluate import Evaluation, evaluate, recovery_times
from bitprior_train.metrics import mean_of, psnr, ssim
from bitprior_train.session import Request, resolve_config, train_run

WIDTHS = (32, 4, 3, 2, 1)
# One 32-bit prior is trained first; every width, 32 included, goes on from it for as long as the
# others, so that no row of the table has had more training than another.
START = "base"
SHOWN = 10
RESTARTS = 4

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class DemoResult:
    """What the demo made.

    Attributes:
        report: The report's contents.
        path: Where it was written.
        bundles: The bundle of each bit width.
        seconds: Wall time.
    """

    report: Report
    path: Path
    bundles: dict[int, Path]
    seconds: float


def run_demo(folder: Path, seed: int, steps: int, command: str, say: Say) -> DemoResult:
    """Run the demo into a folder: runs/, a bundle a bit width, measurements.npy, report.html.

    Args:
        folder: Made if missing; an earlier demo in it is replaced.
        seed: Seed of everything.
        steps: Training steps of the common start, and of each width after it.
        command: The command line, for the report.
        say: Told of each thing done, in one line.
    """
    begin = time.perf_counter()
    runs = folder / "runs"
    shutil.rmtree(runs, ignore_errors=True)
    runs.mkdir(parents=True)
    config = resolve_config(Request("digits", runs / "none"))
    data = load_dataset("digits", config.data.split_seed, config.data.validation)
    images = data.images(data.test)
    bundles: dict[int, Path] = {}
    evaluations: dict[int, tuple[Model, Evaluation]] = {}
    _train(runs / START, 32, seed, steps, None, say)
    for bits in WIDTHS:
        _train(runs / f"{bits}bit", bits, seed, steps, runs / START, say)
        bundles[bits] = folder / f"digits-{bits}bit.bitprior"
        exported = export_run(runs / f"{bits}bit", bundles[bits])
        say(f"Exported {bundles[bits].name}: {exported.bundle_bytes:,} bytes")
        model = load(bundles[bits])
        _verify(model, bits, say)
        found = evaluate(model, images, seed=seed, restarts=RESTARTS)
        mean = found.mean_psnr
        say(f"Recovered {len(images)} test images at {bits} bits: {mean.mean:.2f} dB")
        evaluations[bits] = (model, found)
    models, found_by = zip(*evaluations.values(), strict=True)
    times = recovery_times(models, found_by, seed=seed, restarts=RESTARTS)
    facts = gather_facts(data, evaluations[32][0], config, seed, command)
    report = _report(data, images, evaluations, times, facts)
    write_array(folder / "measurements.npy", evaluations[4][1].measurements[:SHOWN])
    path = folder / "report.html"
    write_report(path, report)
    return DemoResult(report, path, bundles, time.perf_counter() - begin)


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


def _report(
    data: Dataset,
    images: NDArray[np.float32],
    evaluations: dict[int, tuple[Model, Evaluation]],
    times: Sequence[float],
    facts: dict[str, str],
) -> Report:
    rows = [
        _row(bits, model, found, milliseconds)
        for (bits, (model, found)), milliseconds in zip(evaluations.items(), times, strict=True)
    ]
    sparsity = evaluations[32][0].bundle.manifest.solver.sparsity
    measurements = evaluations[32][0].bundle.manifest.measurement.size
    return Report(
        title="bitprior: what a bit width costs",
        summary=(
            f"Handwritten digits of {images[0].size} pixels, each measured by only {measurements} "
            "numbers and recovered from them by searching the latent space of a small generator. "
            "The generator's weights have 32, 4, 3, 2 or 1 bits; the recovery runs on numpy alone. "
            "For comparison: the mean training image, and the best approximation by as many "
            "principal components as the latent has non-zeros, which sees the image itself."
        ),
        rows=rows,
        baselines=_baselines(data, images, sparsity or 0),
        original=images[:SHOWN],
        recovered={f"{b}-bit": e.recovery.image[:SHOWN] for b, (_, e) in evaluations.items()},
        recovered_psnr={f"{b}-bit": e.psnr[:SHOWN] for b, (_, e) in evaluations.items()},
        facts=facts,
    )


def _row(bits: int, model: Model, found: Evaluation, milliseconds: float) -> Row:
    return Row(
        label=f"{bits}-bit",
        bits=bits,
        psnr=found.mean_psnr.mean,
        psnr_half_width=found.mean_psnr.half_width,
        ssim=found.mean_ssim.mean,
        ssim_half_width=found.mean_ssim.half_width,
        generator_bytes=model.info["bytes"]["generator"],
        bundle_bytes=model.info["bytes"]["bundle"],
        recovery_ms=milliseconds,
        engine=found.recovery.engine,
        kernel=found.recovery.kernel,
    )


def _baselines(data: Dataset, images: NDArray[np.float32], components: int) -> list[Baseline]:
    """The mean training image, and as many principal components as the latent has non-zeros."""
    linear = fit_principal_components(data.images(data.train), components)
    counts = {"mean image": 0, f"PCA ({components})": components}
    found = []
    for label, count in counts.items():
        approximated = linear.project(images, count)
        quality = mean_of(psnr(approximated, images)).mean
        found.append(Baseline(label, quality, mean_of(ssim(approximated, images)).mean))
    return found
