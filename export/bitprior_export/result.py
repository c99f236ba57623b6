"""What an export reports: figures, and text for people."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bitprior_export.artefacts import Artefacts
from bitprior_runtime.golden import Check
from bitprior_runtime.summary import SummaryRow, render_summary, total


@dataclass(frozen=True, eq=False)
class ExportResult:
    """A bundle that was written and verified.

    Attributes:
        path: The bundle.
        bits: Bit width of the generator's weights.
        layers: Quantised layers, or layers with weights at 32 bits, of the generator.
        rows: The model summary, see ``bitprior_runtime.summary``.
        bundle_bytes: Size of the file.
        nodes: Nodes compared with qonnx's executor.
        max_difference: Largest relative difference there.
        gradient_difference: Largest relative difference of the gradient to finite differences.
        descending: Golden cases whose 10-step recovery ends lower than it began.
        checks: The golden cases, replayed from the written file.
        artefacts: ONNX files written beside it, or None.
        seconds: Wall time.
    """

    path: Path
    bits: int
    layers: int
    rows: Sequence[SummaryRow]
    bundle_bytes: int
    nodes: int
    max_difference: float
    gradient_difference: float
    descending: int
    checks: Sequence[Check]
    artefacts: Artefacts | None
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Return all figures, ready for JSON."""
        return {
            **{name: getattr(self, name) for name in _PLAIN},
            "bundle": str(self.path),
            "rows": [asdict(row) for row in self.rows],
            "checks": _checks(self.checks),
            "onnx": self.artefacts and _onnx(self.artefacts),
        }

    def as_text(self) -> str:
        """Return the summary table and what was done."""
        generator = total([row for row in self.rows if row.program == "generator"], "generator")
        return (
            f"{render_summary(self.rows)}\n\n"
            f"Exported {self.layers} layers at {self.bits} {_plural('bit', self.bits)}, "
            f"{_size(self.bundle_bytes)} (generator {_size(generator.bytes)}), "
            f"verified {self.nodes} nodes, max |Δ| {self.max_difference:.1e}, "
            f"gradient {self.gradient_difference:.1e}, in {self.seconds:.1f} s: {self.path}"
            + (f"\n{_onnx_line(self.artefacts)}" if self.artefacts else "")
        )


_PLAIN = (
    "bits",
    "layers",
    "bundle_bytes",
    "nodes",
    "max_difference",
    "gradient_difference",
    "descending",
    "seconds",
)


def _checks(checks: Sequence[Check]) -> list[dict[str, Any]]:
    return [{**asdict(check), "passed": check.passed} for check in checks]


def _onnx(artefacts: Artefacts) -> dict[str, Any]:
    report = artefacts.report
    return {
        "folder": str(artefacts.folder),
        "target": artefacts.target,
        "files": [asdict(file) for file in artefacts.files],
        "nodes": report.nodes,
        "max_difference": report.max_difference,
        "checks": _checks(report.checks),
    }


def _onnx_line(artefacts: Artefacts) -> str:
    files = ", ".join(f"{file.name} {_size(file.bytes)}" for file in artefacts.files)
    report = artefacts.report
    whole = max(check.difference for check in report.checks)
    return (
        f"ONNX for {artefacts.target}: {files}; verified {report.nodes} values in onnxruntime, "
        f"max |Δ| {report.max_difference:.1e} at a node, {whole:.1e} as a whole: "
        f"{artefacts.folder}"
    )


def _plural(noun: str, count: int) -> str:
    return noun if count == 1 else f"{noun}s"


def _size(count: int) -> str:
    return f"{count / 1e6:.2f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"
