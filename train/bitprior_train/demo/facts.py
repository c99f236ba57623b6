"""What was run, for the reader of a report."""

import os
import platform
from importlib.metadata import version

import numpy as np

from bitprior_export.report.results import Row
from bitprior_train.config import TrainConfig
from bitprior_train.data import Dataset
from bitprior_train.provenance import commit


def gather_facts(
    data: Dataset, row: Row, config: TrainConfig, seed: int, command: str
) -> dict[str, str]:
    """Return data, split, networks, solver, seeds, machine and versions."""
    solver = row.solver
    parts = f"{len(data.train)} train, {len(data.validation)} validation, {len(data.test)} test"
    shape = config.model
    return {
        "command": command,
        "images": f"{data.licence}; {parts}; split {data.split_hash[:16]}",
        "generator": f"latent {shape.latent}, hidden layers {shape.hidden}, s = {solver.sparsity}",
        "sensing": f"learned network, hidden layers {shape.sensing_hidden}, "
        f"m = {shape.measurements}, 32-bit floats",
        "solver": f"{solver.name}, {solver.steps} steps, learned step size, restarts chosen by "
        "measurement loss",
        "seed": str(seed),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "versions": f"bitprior {version('bitprior')} ({commit()}), Python "
        f"{platform.python_version()}, numpy {np.__version__}, torch {version('torch')}, "
        f"brevitas {version('brevitas')}",
    }
