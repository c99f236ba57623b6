"""An evaluation on a terminal."""

from typing import Any


def as_text(result: dict[str, Any]) -> str:
    """Return the figures for people: a line a prior, and what must be known of it."""
    part = f"{result['dataset']}, {result['part']} images"
    resized = "" if result["resized"] == "no" else f" ({result['resized']})"
    trained = " and ".join(result["trained_on"])
    lines = [f"Evaluated on {part}{resized}, seed {result['seed']}; trained on {trained}"]
    for row in result["rows"]:
        quality = f"PSNR {row['psnr']['mean']:.2f} ± {row['psnr']['half_width']:.2f} dB"
        cost = f"{row['bytes']['generator']:,} bytes of generator, {row['recovery_ms']:.1f} ms"
        solver = row["solver"]
        ran = f"a recovery ({solver['name']}, {solver['steps']} steps"
        ran += f", {row['engine']}/{row['kernel']})"
        head = f"  {row['bundle']}, {row['system']}, m = {row['measurements']}: {quality}"
        lines.append(f"{head}, SSIM {row['ssim']['mean']:.4f}, {cost} {ran}")
        if row.get("start_psnr") is not None:
            lines.append(f"    {row['widths']}; at z = y {row['start_psnr']['mean']:.2f} dB")
        if row["success_rate"] is not None:
            lines.append(f"    found, signs resolved: {row['success_rate']:.1%} of the images")
        if row["other_split"]:
            warned = "test images may be among those it was trained on"
            lines.append(f"    trained on another split of {result['dataset']}: {warned}")
        if "torch" in row:
            lines.append(_parity_line(row["torch"]))
    for row in result["baselines"]:
        quality = f"PSNR {row['psnr']['mean']:.2f} dB, SSIM {row['ssim']['mean']:.4f}"
        lines.append(f"  {row['name']} (sees the image itself): {quality}")
    return "\n".join(lines)


def _parity_line(torch: dict[str, Any]) -> str:
    quality = f"{torch['psnr_torch']:.3f} dB against {torch['psnr_runtime']:.3f}"
    share = f"{torch['trace_rows']:.1%} of {torch['steps']}-step traces agree within 1e-3"
    exact = f"all of them within {torch['trace_float64']:.0e} in float64"
    gradient = f"gradients differ by {torch['gradient']:.1e}"
    return f"    torch, same y and z0: {quality}; {gradient}; {share}, {exact}"
