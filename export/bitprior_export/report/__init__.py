"""The report: what every prior is worth and what it costs, from the results of evaluations."""

from bitprior_export.report.html import write_report
from bitprior_export.report.reading import KIND, parse_result, parse_samples, read_results
from bitprior_export.report.results import Report, Result

__all__ = [
    "KIND",
    "Report",
    "Result",
    "parse_result",
    "parse_samples",
    "read_results",
    "write_report",
]
