"""Read what ``benchmarks/cameras.py`` found: one picture after the other, by every method."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from bitprior_export.report.fields import Fields, wrong

CAMERAS_KIND = "bitprior cameras"
PRIOR = "prior"

# Acquisition, share of the patterns, and how it was simulated (empty: real readings).
Key: TypeAlias = tuple[str, float, str]


@dataclass(frozen=True)
class CameraRow:
    """One acquisition at one ratio by one method.

    Attributes:
        acquisition: Its name.
        ratio: Patterns over pixels, or over all coefficients that were measured.
        readings: Readings that were used, after those that are left out.
        simulated: What was simulated; empty: real readings.
        method: ``prior-4bit``, ``tv``, ...
        psnr: dB after the affine gray fit; mean over the shots.
        deviation: Standard deviation over the shots; None: one shot.
        ssim: After the gray fit; None: not measured.
        shots: Pictures in the mean.
        goal: dB that were asked for; None: nothing was.
        commit: Version of the code.
    """

    acquisition: str
    ratio: float
    readings: int
    simulated: str
    method: str
    psnr: float
    deviation: float | None
    ssim: float | None
    shots: int
    goal: float | None
    commit: str

    @property
    def is_prior(self) -> bool:
        """Whether a trained prior recovered."""
        return self.method.startswith(PRIOR)


@dataclass(frozen=True)
class CameraResult:
    """One file.

    Attributes:
        name: Without its suffix.
        command: That makes it again.
        seed: Of random subsets and simulated noise.
        machine: What ran it.
        rows: All of them.
    """

    name: str
    command: str
    seed: int
    machine: str
    rows: Sequence[CameraRow]

    def by_key(self) -> Mapping[Key, Mapping[str, CameraRow]]:
        """Return rows by what was recovered, then by method, in the order of the file."""
        found: dict[Key, dict[str, CameraRow]] = {}
        for row in self.rows:
            key = row.acquisition, row.ratio, row.simulated
            found.setdefault(key, {})[row.method] = row
        return found


def parse_cameras(document: Any, name: str, archive: bytes | None = None) -> CameraResult:
    """Return one file of recovered acquisitions.

    Args:
        document: What the JSON says.
        name: Name of the file without its suffix.
        archive: Not used: there are no images beside it.

    Raises:
        UsageError: A field is missing or of another type, or a row is there twice.
    """
    fields = Fields(document, f"{name}.json")
    rows = [_row(row) for row in fields.list_of("rows")]
    keys = {(row.acquisition, row.ratio, row.simulated, row.method) for row in rows}
    if not rows or len(keys) != len(rows):
        raise wrong(f"{name}.json: rows, at least one, each once", len(rows))
    return CameraResult(
        name, fields.text("command"), fields.integer("seed"), fields.text("machine"), rows
    )


def _row(row: Fields) -> CameraRow:
    found = CameraRow(
        acquisition=row.text("acquisition"),
        ratio=row.number("ratio"),
        readings=row.integer("readings", 1),
        simulated="" if row.is_false("simulated") else row.text("simulated"),
        method=row.text("method"),
        psnr=row.number("psnr"),
        deviation=row.number("psnr_deviation") if row.given("psnr_deviation") else None,
        ssim=row.number("ssim") if row.given("ssim") else None,
        shots=row.integer("shots", 1),
        goal=row.number("goal") if row.given("goal") else None,
        commit=row.text("commit"),
    )
    if not 0 < found.ratio <= 1:
        raise wrong("ratio above 0, at most 1", found.ratio)
    return found
