"""Make the golden bundle of the current format, which every later reader must still read.

One golden bundle per released format is kept in ``tests/golden`` for ever. Make the one of a new
format, once, with::

    cd tests && python -m builders.golden_file

and never change it after a release. Beside it lies what it must be read as, in plain JSON that is
written from the bundle in memory, so that no writer or reader can vouch for itself.
"""

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from bitprior_export.bundle import encode_bundle
from bitprior_runtime.bundle import FORMAT, Bundle, LearnedSearch, SearchOutline
from bitprior_runtime.program import Program
from bitprior_runtime.tensors import QuantisedTensor, Tensor
from builders.photo import photo_bundle

FOLDER = Path(__file__).parent.parent / "golden"


# What a manifest of an older format means where it says nothing, by key.
SINCE_1_1: dict[str, Any] = {"calibration": None, "latents": {"z": [4]}}
SOLVER_SINCE_1_1: dict[str, Any] = {"projection": "none"}
SOLVER_SINCE_1_2: dict[str, Any] = {"fista": None, "selection": None}
CALIBRATION_SINCE_1_3: dict[str, Any] = {"cotangent_bits": None}
SINCE_1_4: dict[str, Any] = {"frames": None, "search": None}


def golden_bundle() -> Bundle:
    """Return the bundle: one that uses what the current format has brought, and more."""
    return photo_bundle(bits=1, channels=4, edge_bits=4, linear_bits=8, seed=2024)


def write_golden_file(folder: Path = FOLDER) -> None:
    """Write ``format-<version>.bitprior`` and ``format-<version>.json``."""
    bundle = golden_bundle()
    (folder / f"format-{FORMAT}.bitprior").write_bytes(encode_bundle(bundle))
    text = json.dumps(contents(bundle), indent=1, sort_keys=True)
    (folder / f"format-{FORMAT}.json").write_text(text + "\n")


def contents(bundle: Bundle) -> dict[str, Any]:
    """Return all that a bundle holds but its hashes, as JSON values."""
    manifest = asdict(bundle.manifest)
    del manifest["sha256"], manifest["digest"]
    if bundle.search is not None:
        manifest["search"] = asdict(SearchOutline(bundle.search.covariance.mean))
    found = {
        "manifest": manifest,
        "generator": _program(bundle.generator),
        "sensing": _program(bundle.sensing),
        "golden": {
            item.name: getattr(bundle.golden, item.name).tolist() for item in fields(bundle.golden)
        },
    }
    if bundle.search is not None:
        found["search"] = _search(bundle.search)
    plain: dict[str, Any] = json.loads(json.dumps(found))
    return plain


def _search(search: LearnedSearch) -> dict[str, Any]:
    schedule = search.schedule
    return {
        "start": _program(search.start),
        "penalty": _program(search.penalty),
        "schedule": {item.name: getattr(schedule, item.name).tolist() for item in fields(schedule)},
        "covariance": search.covariance.table.tolist(),
    }


def _program(program: Program) -> dict[str, Any]:
    return {
        "name": program.name,
        "inputs": dict(program.inputs),
        "output": program.output,
        "nodes": [asdict(node) for node in program.nodes],
        "tensors": {name: _tensor(tensor) for name, tensor in program.tensors.items()},
    }


def _tensor(tensor: Tensor) -> dict[str, Any]:
    if not isinstance(tensor, QuantisedTensor):
        return {"values": tensor.array.tolist()}
    return {
        "codes": tensor.codes.tolist(),
        "bits": tensor.bits,
        "grid": tensor.grid,
        "scale": tensor.scale.tolist(),
        "axis": tensor.axis,
        "values": tensor.values().tolist(),
    }


if __name__ == "__main__":
    write_golden_file()
