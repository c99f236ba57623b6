"""The report: one HTML file that shows what each bit width costs."""

from bitprior_export.report.data import Baseline, Report, Row
from bitprior_export.report.html import write_report

__all__ = ["Baseline", "Report", "Row", "write_report"]
