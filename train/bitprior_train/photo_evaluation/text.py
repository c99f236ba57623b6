"""An evaluation on photos, on a terminal."""

from collections.abc import Mapping
from typing import Any


def as_text(result: Mapping[str, Any]) -> str:
    """Return the figures for people: the operators one after the other, a line a method."""
    lines = [f"Evaluated on {result['dataset']}, {result['part']}, seed {result['seed']}"]
    shown = None
    for row in result["rows"]:
        if row["operator"] != shown:
            shown = row["operator"]
            noise = f", noise {row['noise']:.3g} of their root mean square" if row["noise"] else ""
            share = f"{row['m']} of {row['n']} values, {row['m'] / row['n']:.1%}"
            lines.append(f" {shown}: {share}{noise}")
        lines.append(f"  {_method(row)}: {_quality(row)}")
    return "\n".join(lines)


def _method(row: Mapping[str, Any]) -> str:
    prior = row["prior"]
    if prior is None:
        return str(row["method"])
    return f"{prior['bundle']}, {prior['name_line']}"


def _quality(row: Mapping[str, Any]) -> str:
    text = f"PSNR {row['psnr']['mean']:.2f} dB, SSIM {row['ssim']['mean']:.4f}"
    if row["start_psnr"] is not None:
        text += f" (start {row['start_psnr']['mean']:.2f} dB)"
    for each in row["times"]:
        height, width = each["frame"]
        text += f", {each['fastest_ms']:.0f} ms at {height}x{width}"
    if row["prior"] is not None:
        text += f", {row['prior']['solver']}, {row['prior']['engine']}/{row['prior']['kernel']}"
    return text
