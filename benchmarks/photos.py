"""Make every table on photos: all priors on Set11, BSD68 and photos kept back, into results/.

    python benchmarks/photos.py BUNDLES... [--results results] [--only set11] [--list]

Photos and the published matrices are read from BITPRIOR_DATA (photos.npz, block_matrices.npz). A
file is one set of photos with one operator and one noise: all priors, linear decoding and PCA;
one thread. Files other than those of Set11 with the published matrices have the priors of 32, 4 and
1 bits only, those of the integer engine 4 and 1. What is done is skipped: a file that already has
just these bundles and this operator. Then:

    bitprior report results --format md --out docs/results.md --fill README.md
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

BITPRIOR = (sys.executable, "-m", "bitprior_runtime")  # also where no venv is active
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
# Ratio in per cent: rows of a block of 33 x 33 in the published matrices, of one of 32 x 32.
RATIOS = {1: (10, 10), 4: (43, 41), 10: (109, 102), 25: (272, 256)}
# No training draws from these seeds: it takes its own from tuples.
SEEDS = {1: 9001, 4: 9004, 10: 9010, 25: 9025}
NOISES = (0.01, 0.05)
_FLOAT_BITS = 32
# Bit widths that every file has; those of Set11 with the published matrices have all.
_TOLD = (1, 4, _FLOAT_BITS)
_ALL_WIDTHS = {f"photos-set11-{percent}" for percent in RATIOS}


@dataclass(frozen=True)
class Job:
    """One file of results.

    Attributes:
        name: Its name, without folder and suffix.
        dataset: Set of photos.
        operator: Text of the operator.
        noise: Share of the root mean square.
        engine: Engine.
    """

    name: str
    dataset: str
    operator: str
    noise: float = 0.0
    engine: str = "float"

    @property
    def options(self) -> Sequence[str]:
        """What is asked of every prior."""
        options = ["--dataset", self.dataset, "--operator", self.operator]
        options += ["--noise", str(self.noise)] if self.noise else []
        return [*options, "--engine", self.engine, "--seed", "0"]


def jobs(matrices: Path, components: Path) -> Sequence[Job]:
    """Return every file of results, the most asked for first.

    Args:
        matrices: Archive of the published matrices.
        components: Archive of rows learned from the training photos, see :func:`learn_rows`.
    """

    def published(percent: int) -> str:
        return f"blocks:matrix={matrices}#ratio{percent},size=33"

    found = [Job(f"photos-set11-{p}", "set11", published(p)) for p in RATIOS]
    found += [Job(f"photos-bsd68-{p}", "bsd68", published(p)) for p in RATIOS if p > 1]
    for percent, (_, m32) in RATIOS.items():
        learned = f"blocks:matrix={components}#rows{m32},size=32"
        found.append(Job(f"photos-set11-{percent}-components", "set11", learned))
    for percent in (10, 25):
        for noise in NOISES:
            name = f"photos-set11-{percent}-noise{100 * noise:.0f}"
            found.append(Job(name, "set11", published(percent), noise))
    for percent, (m, m32) in RATIOS.items():
        fresh = f"gaussian-blocks:m={m},size=33,seed={SEEDS[percent]}"
        found.append(Job(f"photos-set11-{percent}-fresh", "set11", fresh))
        walsh = f"walsh-blocks:m={m32},size=32"
        found.append(Job(f"photos-set11-{percent}-walsh", "set11", walsh))
    for percent in RATIOS:
        name = f"photos-set11-{percent}-integer"
        found.append(Job(name, "set11", published(percent), engine="integer"))
    for percent, (m, _) in RATIOS.items():
        fresh = f"gaussian-blocks:m={m},size=33,seed={SEEDS[percent]}"
        found.append(Job(f"photos-validation-{percent}", "photos-validation", fresh))
    return found


def learn_rows(out: Path) -> None:
    """Write principal components of the training photos' 32 x 32 blocks: rows learned from photos.

    Photos kept back for validation are not among them.

    Args:
        out: Archive with rows{m}, float32 [m, 1024], for the ratios in RATIOS.
    """
    import numpy as np

    from bitprior_train.photo.photos import load_photos
    from bitprior_train.photo_evaluation.linear import BlockComponents

    found = BlockComponents(load_photos(Path(os.environ["BITPRIOR_DATA"])).main, (32, 32))
    rows = {f"rows{m}": found.rows(m).astype(np.float32) for _, m in RATIOS.values()}
    np.savez(out, **rows)


def command_of(job: Job, bundles: Sequence[Path], out: Path) -> Sequence[str]:
    """Return the command that makes one file."""
    words = [*BITPRIOR, "evaluate", *(str(path) for path in bundles), *job.options]
    return [*words, "--out", str(out)]


def is_done(out: Path, job: Job, bundles: Sequence[Path]) -> bool:
    """Say whether a file has just these bundles, asked with just this job's options."""
    if not out.is_file():
        return False
    result = json.loads(out.read_text("utf-8"))
    rows = [row["prior"] for row in result["rows"] if row["prior"] is not None]
    if [row["digest"] for row in rows] != [_digest(path) for path in bundles]:
        return False
    from bitprior_train.photo_evaluation.measuring import Sensing

    first = result["rows"][0]
    asked = job.dataset, Sensing(job.operator).shown, job.noise, {job.engine}
    engines = {row["engine"] for row in rows}
    return (result["dataset"], first["operator"], first["noise"], engines) == asked


def fitting(job: Job, bundles: Sequence[Path]) -> Sequence[Path]:
    """Return the bundles that a job is for.

    On Set11 with the published matrices all of them, else those of 32, 4 and 1 bits; the integer
    engine has no float weights.
    """
    from bitprior_runtime import load

    bits = {path: load(path).bundle.manifest.bits for path in bundles}
    if job.engine == "integer":
        return [path for path in bundles if bits[path] in _TOLD and bits[path] < _FLOAT_BITS]
    if job.name in _ALL_WIDTHS:
        return bundles
    return [path for path in bundles if bits[path] in _TOLD]


def _digest(bundle: Path) -> str:
    from bitprior_runtime import load

    return str(load(bundle).info["digest"])


def main() -> None:
    """Evaluate what is not yet evaluated."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundles", type=Path, nargs="+", help="photo priors, or names of the zoo")
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--only", default="", help="only files whose names hold this text")
    parser.add_argument("--list", action="store_true", help="say what would be done")
    options = parser.parse_args()
    data = os.environ.get("BITPRIOR_DATA")
    if not data:
        raise SystemExit("expected BITPRIOR_DATA, found none: set it to the folder of photos.npz")
    if not options.list:
        options.results.mkdir(parents=True, exist_ok=True)
    components = options.results / "photo-components.npz"
    if not options.list and not components.is_file():
        learn_rows(components)
    for job in jobs(Path(data) / "block_matrices.npz", components):
        out = options.results / f"{job.name}.json"
        if options.only not in job.name:
            continue
        bundles = fitting(job, options.bundles)
        if options.list:
            print(f"{out}: {' '.join(path.stem for path in bundles)} {' '.join(job.options)}")
        elif is_done(out, job, bundles):
            print(f"{out}: there already", file=sys.stderr)
        elif bundles:
            command = command_of(job, bundles, out)
            subprocess.run(command, check=True, env={**os.environ, **ONE_THREAD})


if __name__ == "__main__":
    main()
