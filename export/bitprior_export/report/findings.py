"""Everything a folder of results holds, and the report of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bitprior_export.report.cameras.reading import CameraResult
from bitprior_export.report.photo.results import PhotoResult
from bitprior_export.report.results import Result
from bitprior_export.report.surgery.comparison import Comparison
from bitprior_export.report.surgery.prior import Prior


@dataclass(frozen=True, eq=False)
class Findings:
    """What was found.

    Attributes:
        results: Evaluations of bundles.
        comparisons: Methods of Generator Surgery beside each other.
        priors: The priors that they cut.
        photos: Evaluations on photos.
        cameras: Pictures from cameras' readings.
    """

    results: Sequence[Result] = ()
    comparisons: Sequence[Comparison] = ()
    priors: Sequence[Prior] = ()
    photos: Sequence[PhotoResult] = ()
    cameras: Sequence[CameraResult] = ()


@dataclass(frozen=True, eq=False)
class Report:
    """Everything a report shows.

    Attributes:
        title: Heading.
        summary: One paragraph for a reader who has not seen the project.
        findings: What was found.
        facts: What else was run: versions, commands.
    """

    title: str
    summary: str
    findings: Findings
    facts: Mapping[str, Any]
