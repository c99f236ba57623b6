"""The report: what every prior is worth and what it costs, from the results of evaluations."""

from bitprior_export.report.findings import Findings, Report
from bitprior_export.report.folder import read_findings
from bitprior_export.report.html import write_report
from bitprior_export.report.photo.reading import PHOTO_KIND, parse_photos
from bitprior_export.report.reading import KIND, parse_result, parse_samples
from bitprior_export.report.results import Result

__all__ = [
    "KIND",
    "PHOTO_KIND",
    "Findings",
    "Report",
    "Result",
    "parse_photos",
    "parse_result",
    "parse_samples",
    "read_findings",
    "write_report",
]
