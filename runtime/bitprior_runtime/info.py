"""Describe a bundle: layers, bits, sizes, solver defaults, provenance."""

from dataclasses import asdict
from typing import Any

from bitprior_runtime.budget import Budget, budget
from bitprior_runtime.bundle import Bundle
from bitprior_runtime.bundle.limits import MAX_PROGRAM_BYTES
from bitprior_runtime.bundle.manifest import NO_MEASUREMENT
from bitprior_runtime.cost import Cost, cost
from bitprior_runtime.program import Program
from bitprior_runtime.proximal_defaults import loop_options
from bitprior_runtime.summary import SummaryRow, render_summary, rows_of
from bitprior_runtime.widths import widths_of


def describe(bundle: Bundle, file_bytes: int) -> dict[str, Any]:
    """Return what a bundle says about itself, ready for JSON.

    Args:
        bundle: The bundle.
        file_bytes: Size of its file.
    """
    manifest = bundle.manifest
    return {
        "name": manifest.name,
        "format": manifest.format,
        "producer": asdict(manifest.producer),
        "geometry": list(manifest.geometry),
        "value_range": list(manifest.value_range),
        "latent": manifest.latent,
        "measurement": asdict(manifest.measurement),
        "bits": manifest.bits,
        "widths": asdict(widths_of(bundle)),
        "grid": manifest.grid,
        "granularity": manifest.granularity,
        "solver": asdict(manifest.solver),
        "frames": None if manifest.frames is None else asdict(manifest.frames),
        "search": _search(bundle),
        "bytes": {
            "generator": stored_bytes(bundle.generator),
            "sensing": stored_bytes(bundle.sensing),
            **({} if bundle.search is None else {"search": bundle.search.stored_bytes}),
            "bundle": file_bytes,
        },
        "layers": [asdict(row) for row in layers(bundle)],
        "cost": {name: asdict(found) for name, found in costs(bundle).items()},
        "memory": {**asdict(needed(bundle)), "most": MAX_PROGRAM_BYTES},
        "golden_cases": len(bundle.golden.latents),
        "licence": manifest.licence,
        "training": manifest.training,
        "digest": manifest.digest,
    }


def stored_bytes(program: Program) -> int:
    """Return the bytes of a program's weights, scales and biases as stored."""
    return sum(tensor.stored_bytes for tensor in program.tensors.values())


def layers(bundle: Bundle) -> list[SummaryRow]:
    """Return one row for each node of the programs that the bundle's file holds."""
    return [row for program in bundle.stored_programs.values() for row in rows_of(program)]


def _search(bundle: Bundle) -> dict[str, Any] | None:
    if bundle.search is None:
        return None
    schedule, covariance = bundle.search.schedule, bundle.search.covariance
    return {"steps": schedule.steps, "mean": covariance.mean, "lags": len(covariance.table)}


def needed(bundle: Bundle) -> Budget:
    """Return what both programs take for one image, see :mod:`bitprior_runtime.budget`."""
    return budget((bundle.generator, bundle.sensing))


def costs(bundle: Bundle) -> dict[str, Cost]:
    """Return what each program costs for one image, see :mod:`bitprior_runtime.cost`."""
    programs = {"generator": bundle.generator, "sensing": bundle.sensing}
    programs |= {str(name): program for name, program in bundle.stored_programs.items()}
    return {name: cost(rows_of(program)) for name, program in programs.items()}


def as_text(bundle: Bundle, file_bytes: int) -> str:
    """Return the description for people: headline, layers, solver, provenance."""
    manifest = bundle.manifest
    c, h, w = manifest.geometry
    solver, size = manifest.solver, manifest.measurement.size
    sparsity = "dense" if solver.sparsity is None else f"s = {solver.sparsity}"
    training = manifest.training
    source = ", ".join(
        f"{key} {training[key]}"
        for key in ("dataset", "system", "seed", "steps")
        if key in training
    )
    head = f"{manifest.name}: {manifest.bits}-bit prior, format {manifest.format}"
    widths = widths_of(bundle).text
    if widths != f"{manifest.bits}-bit":
        head = f"{manifest.name}: {widths}; format {manifest.format}"
    maker = f"{file_bytes:,} bytes, made by bitprior {manifest.producer.bitprior}"
    share = (
        f"{size} measurements ({size / (c * h * w):.1%} of the values, {manifest.measurement.kind})"
    )
    if manifest.measurement.kind == NO_MEASUREMENT:
        share = "no sensing network: recover with an operator"
    if manifest.frames is not None:
        share += f"; any frame, {manifest.frames.stride} pixels for one of its maps"
    loop = loop_options(solver, solver.steps)
    steps = f"{solver.name}, {loop.steps} steps of {loop.step_size:.4g}"
    if loop.momentum:
        steps += ", dense" if loop.sparsity is None else f", s = {loop.sparsity}"
    if loop.projection != "none":
        steps += f", projected to the {loop.projection}"
    if solver.name == "learned":
        steps = f"learned, {solver.steps} steps"
    if bundle.search is not None:
        steps += f"; its search takes {bundle.search.stored_bytes:,} bytes beside the generator's"
        steps += f" {stored_bytes(bundle.generator):,}"
    memory = f"memory for one image {needed(bundle).total / 1e6:,.1f} MB"
    memory += f" of the {MAX_PROGRAM_BYTES / 1e6:,.0f} MB that a bundle may take"
    lines = [
        f"{head}, {maker}",
        f"  images {c} x {h} x {w} in [0,1]; latent {manifest.latent} ({sparsity}); {share}",
        f"  solver {steps}; {len(bundle.golden.latents)} golden cases",
        f"  trained on {source or 'unknown data'}; {manifest.licence}",
        *(
            f"  {name}: {each.macs:,} MACs, {each.bops:,} BOPs, weights {each.weight_bits:,} bits"
            for name, each in costs(bundle).items()
            if name in bundle.stored_programs
        ),
        f"  {memory}",
        "",
        render_summary(layers(bundle)),
    ]
    return "\n".join(lines)
