"""Evaluate all finished runs of a folder into results/, one file for each thing compared.

    python benchmarks/evaluate_all.py RUNS... [--results results] [--images 1000]

What a run is, its run.json says; names of folders mean nothing. Runs of one data set, m, A, s and
seed go into one file, their widths side by side; deep compressed sensing, whose latents are dense,
beside the largest of them. Of two runs of the same system the one of higher validation PSNR counts.
Everything is recovered as the paper does: plain proximal steps with the s and beta of the training;
linear-residual priors, which are not the paper's, with the solver of their bundles.
What is done is skipped: a file that already has just these bundles and settings.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BITPRIOR = (sys.executable, "-m", "bitprior_runtime")  # also where no venv is active
STEPS = 50
PHASE_RESTARTS = 5
# Trained on the stand-in, tested on the images it stands for, of which there are few.
STAND_INS = {"imagenette96": ("stl10", 50)}


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        folder: Where it lies.
        record: Its run.json.
    """

    folder: Path
    record: Mapping[str, Any]

    @property
    def bundle(self) -> Path:
        """Its bundle, beside its folder."""
        return self.folder.parent / f"{self.folder.name}.bitprior"

    @property
    def is_dcs(self) -> bool:
        """Whether it is deep compressed sensing."""
        return self.record.get("system") == "dcs"

    @property
    def is_linear_residual(self) -> bool:
        """Whether it is a linear synthesis with a residual."""
        return self.record.get("kind") == "linear-residual"

    @property
    def system(self) -> tuple[bool, int]:
        """What distinguishes the rows of a file."""
        return self.is_dcs, self.record["bits"]

    @property
    def kind(self) -> str:
        """What A is; records of 0.1 say it in their configuration only."""
        if self.is_linear_residual:
            return "linear-residual"
        sensing = self.record["config"]["model"]["sensing"]
        return str(self.record.get("measurement_kind") or {"conv": "cnn"}.get(sensing, sensing))

    @property
    def setting(self) -> tuple[Any, ...]:
        """What all rows of a file have in common, but for the sparsity."""
        record = self.record
        return record["dataset"], self.kind, record["measurements"], record["seed"]


def finished_runs(folders: Sequence[Path]) -> Sequence[Run]:
    """Return the finished runs among folders, and in folders of runs."""
    records = [path for folder in folders for path in folder.glob("run.json")]
    records += [path for folder in folders for path in folder.glob("*/run.json")]
    runs = [Run(path.parent, json.loads(path.read_text("utf-8"))) for path in sorted(records)]
    # Others, of priors without sensing, have evaluations of their own.
    return [run for run in runs if run.record.get("kind", "linear-residual") == "linear-residual"]


def grouped(runs: Sequence[Run]) -> Mapping[str, Sequence[Run]]:
    """Return the runs that go into each file, the widest first."""
    groups: dict[tuple[Any, ...], dict[tuple[bool, int], Run]] = {}
    for run in sorted(runs, key=lambda run: run.is_dcs):
        key = (*run.setting, run.record["sparsity"])
        if run.is_dcs:
            alike = [other for other in groups if other[:-1] == run.setting]
            key = max(alike, key=lambda other: len(groups[other]), default=key)
        rival = groups.setdefault(key, {}).get(run.system)
        if rival is None or _worth(run) > _worth(rival):
            groups[key][run.system] = run
        if rival is not None:
            print(
                f"{run.folder.name} and {rival.folder.name} are the same system: "
                f"{groups[key][run.system].folder.name} has the higher validation PSNR",
                file=sys.stderr,
            )
    return {
        _name(key): sorted(rows.values(), key=lambda run: (run.is_dcs, -run.record["bits"]))
        for key, rows in sorted(groups.items(), key=str)
    }


def _worth(run: Run) -> float:
    return float(run.record["validation_psnr"])


def _name(key: tuple[Any, ...]) -> str:
    dataset, kind, m, seed, s = key
    dataset, _ = STAND_INS.get(dataset, (dataset, 0))
    words = [dataset, *([] if kind in ("mlp", "cnn") else [kind])]
    sparsity = [] if s is None else [f"s{s}"]
    return "-".join([*words, f"m{m}", *sparsity, f"seed{seed}"])


def command_of(runs: Sequence[Run], images: int, engine: str, out: Path) -> Sequence[str]:
    """Return the command that evaluates the runs of one file."""
    record = runs[0].record
    dataset, most = STAND_INS.get(record["dataset"], (record["dataset"], images))
    command = [*BITPRIOR, "evaluate", *(str(run.bundle) for run in runs)]
    command += ["--dataset", dataset, "--images", str(min(images, most))]
    if runs[0].is_linear_residual:
        components = str(record["measurements"])
        return [*command, "--engine", engine, "--components", components, "--out", str(out)]
    command += ["--solver", "proximal", "--steps", str(STEPS), "--engine", engine]
    if runs[0].kind.startswith("phase"):
        command += ["--restarts", str(PHASE_RESTARTS)]
    else:
        command += ["--components", str(min(record["measurements"], most))]
    return [*command, "--out", str(out)]


def is_done(out: Path, runs: Sequence[Run], command: Sequence[str]) -> bool:
    """Say whether a file has just these bundles, evaluated by just this command."""
    if not out.is_file():
        return False
    result = json.loads(out.read_text("utf-8"))
    digests = [row["digest"] for row in result["rows"]]
    if digests != [_digest(run.bundle) for run in runs]:
        return False
    options = command[len(BITPRIOR) + 1 + len(runs) : -2]
    pairs = zip(options[::2], options[1::2], strict=True)
    return all(f" {name} {value} " in f"{result['command']} " for name, value in pairs)


def _digest(bundle: Path) -> str:
    from bitprior_runtime import load

    return str(load(bundle).info["digest"])


def export(run: Run) -> None:
    """Export a run that has no bundle, or one older than itself."""
    record = run.folder / "run.json"
    if run.bundle.is_file() and run.bundle.stat().st_mtime >= record.stat().st_mtime:
        return
    command = [*BITPRIOR, "export", str(run.folder), "--out", str(run.bundle)]
    subprocess.run([*command, "--targets", "none"], check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    """Evaluate what is not yet evaluated."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+", help="training runs, or folders of them")
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--engine", default="float", help="float or integer")
    parser.add_argument("--list", action="store_true", help="say what would be done")
    options = parser.parse_args()
    suffix = "" if options.engine == "float" else f"-{options.engine}"
    for name, runs in grouped(finished_runs(options.runs)).items():
        out = options.results / f"{name}{suffix}.json"
        command = command_of(runs, options.images, options.engine, out)
        if options.list:
            print(f"{out}: {', '.join(run.folder.name for run in runs)}")
            continue
        for run in runs:
            export(run)
        if is_done(out, runs, command):
            print(f"{out}: there already", file=sys.stderr)
        else:
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
