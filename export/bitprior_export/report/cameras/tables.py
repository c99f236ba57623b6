"""Tables of pictures from cameras' readings: the prior beside the best classical method."""

from collections.abc import Mapping, Sequence
from statistics import mean

from bitprior_export.report.cameras.reading import CameraResult, CameraRow, Key
from bitprior_export.report.table import NONE, Table

FOUR, ONE = "prior-4bit", "prior-1bit"
# More below the best classical method than this is told.
SLACK = 0.1
METHODS = (
    *("pseudo-inverse", "tikhonov", "tikhonov, non-negative", "tv", "tv, non-negative"),
    *(FOUR, ONE),
)
NAMES = {"gaussian": "Gaussian, as in the file", "poisson-1000": "Poisson, 1,000 photons a reading"}
_GRAYS = (
    "PSNR in dB after an affine fit of the grays (peak: the reference's range); several subsets: "
    "the mean. Best classical: the best of pseudo-inverse, Tikhonov with the covariance of photos "
    "and total variation, the last two also held at 0 or above where readings say the level, "
    "chosen after the fact by the reference, which no setting of the prior is."
)
_TWINS = (
    "The same operators and references, readings simulated: no gain fields, gray curves or fringes."
)


def camera_tables(results: Sequence[CameraResult]) -> Sequence[Table]:
    """Return every table that files of cameras fill."""
    tables = []
    for result in results:
        found = result.by_key()
        real = {key: of for key, of in found.items() if not key[2]}
        twins = {key: of for key, of in found.items() if key[2]}
        if real:
            tables += [_real(result.name, real)]
        if twins:
            tables += [_simulated(result.name, twins)]
        tables.append(_methods(result, found))
    return tables


def best_classical(of: Mapping[str, CameraRow]) -> CameraRow | None:
    """Return the row of the classical method with the highest PSNR; None: there is none."""
    rows = [row for row in of.values() if not row.is_prior]
    return max(rows, key=lambda row: row.psnr) if rows else None


def _real(name: str, found: Mapping[Key, Mapping[str, CameraRow]]) -> Table:
    columns = (
        *("acquisition", "patterns", "best classical", "4-bit", "above it", "goal", "1-bit"),
        *("SSIM, classical", "SSIM, 4-bit"),
    )
    rows = []
    for (acquisition, ratio, _), of in found.items():
        best, four = best_classical(of), of.get(FOUR)
        goal = NONE if four is None or four.goal is None else f"{four.goal:.1f}"
        if four is not None and four.goal is not None and four.psnr < four.goal:
            goal += f", {four.goal - four.psnr:.2f} missing"
        rows.append(
            [
                acquisition,
                _share(ratio),
                NONE if best is None else f"{best.psnr:.2f} ({best.method})",
                _psnr(four),
                _above(four, best),
                goal,
                _psnr(of.get(ONE)),
                _ssim(best),
                _ssim(four),
            ]
        )
    title = "Cameras: pictures from real readings"
    return Table(name, title, columns, rows, [_GRAYS], [_verdict(found)])


def _simulated(name: str, found: Mapping[Key, Mapping[str, CameraRow]]) -> Table:
    columns = ("acquisition", "patterns", "noise", "best classical", "4-bit", "above it", "1-bit")
    rows = []
    for (acquisition, ratio, simulated), of in found.items():
        best, four = best_classical(of), of.get(FOUR)
        rows.append(
            [
                acquisition,
                _share(ratio),
                NAMES.get(simulated, simulated),
                NONE if best is None else f"{best.psnr:.2f} ({best.method})",
                _psnr(four),
                _above(four, best),
                _psnr(of.get(ONE)),
            ]
        )
    notes = [_TWINS, *_means(found)]
    title = "Cameras: simulated twins"
    return Table(f"{name}-simulated", title, columns, rows, notes, [_verdict(found)])


def _methods(result: CameraResult, found: Mapping[Key, Mapping[str, CameraRow]]) -> Table:
    methods = [name for name in METHODS if any(name in of for of in found.values())]
    rows = [
        [
            f"{acquisition}, {_share(ratio)}" + (f", {simulated}" if simulated else ""),
            f"{next(iter(of.values())).readings:,}",
            f"{next(iter(of.values())).shots}",
            *(_psnr(of.get(method)) for method in methods),
        ]
        for (acquisition, ratio, simulated), of in found.items()
    ]
    versions = ", ".join(sorted({row.commit for row in result.rows}))
    note = f"Seed {result.seed}; {result.machine}; version {versions}. {result.command}"
    columns = ("acquisition", "readings", "subsets", *methods)
    title = "Cameras: every method"
    return Table(f"{result.name}-methods", title, columns, rows, [note])


def _verdict(found: Mapping[Key, Mapping[str, CameraRow]]) -> str:
    """Say where the prior of 4 bits is below the best classical method, or below its goal."""
    below, missed, count = [], [], 0
    for (acquisition, ratio, simulated), of in found.items():
        best, four = best_classical(of), of.get(FOUR)
        if best is None or four is None:
            continue
        count += 1
        where = f"{acquisition}, {_share(ratio)}" + (f", {simulated}" if simulated else "")
        if four.psnr < best.psnr - SLACK:
            below.append(f"{where} ({four.psnr - best.psnr:+.2f} dB)")
        if four.goal is not None and four.psnr < four.goal:
            missed.append(f"{where} ({four.psnr - four.goal:+.2f} dB)")
    text = f"4 bits are more than {SLACK} dB below the best classical method at {len(below)} of"
    text += f" {count}{': ' + '; '.join(below) if below else ''}."
    return text + (f" Goals missed: {'; '.join(missed)}." if missed else "")


def _means(found: Mapping[Key, Mapping[str, CameraRow]]) -> Sequence[str]:
    """Return the mean gain over acquisitions by noise, lowest coefficients and random apart."""
    gains: dict[tuple[str, float, bool], list[float]] = {}
    for (acquisition, ratio, simulated), of in found.items():
        best, four = best_classical(of), of.get(FOUR)
        if best is not None and four is not None:
            key = simulated, ratio, "random" in acquisition
            gains.setdefault(key, []).append(four.psnr - best.psnr)
    parts = [
        f"{NAMES.get(simulated, simulated)}, {'random' if random else 'lowest'}, {_share(ratio)}: "
        f"{mean(values):+.2f} dB ({len(values)})"
        for (simulated, ratio, random), values in sorted(gains.items())
    ]
    lead = "Mean of 4 bits above the best classical method (over how many acquisitions): "
    return [lead + "; ".join(parts) + "."] if parts else []


def _share(ratio: float) -> str:
    return f"{100 * ratio:.3g} %"


def _psnr(row: CameraRow | None) -> str:
    if row is None:
        return NONE
    if row.deviation is None:
        return f"{row.psnr:.2f}"
    return f"{row.psnr:.2f} ± {1.96 * row.deviation / row.shots**0.5:.2f}"


def _ssim(row: CameraRow | None) -> str:
    return NONE if row is None or row.ssim is None else f"{row.ssim:.3f}"


def _above(row: CameraRow | None, best: CameraRow | None) -> str:
    return NONE if row is None or best is None else f"{row.psnr - best.psnr:+.2f}"
