"""One call of ``bitprior sweep``: check every run, then carry them out."""

import json
import sys
from collections.abc import Sequence
from typing import Any

from bitprior_runtime.files import check_folder, write_atomically
from bitprior_train.data import load_dataset
from bitprior_train.session import check_fits
from bitprior_train.sweep.execute import Outcome
from bitprior_train.sweep.places import check_ray, processes, ray_cluster
from bitprior_train.sweep.plan import Job, Question, plan
from bitprior_train.sweep.schedule import carry_out
from bitprior_train.sweep.summary import summarise

NAME = "sweep.json"


def run_sweep(question: Question, jobs: int, ray: str | None) -> dict[str, Any]:
    """Train the runs of a sweep that are not there yet; return its summary.

    Args:
        question: The sweep.
        jobs: Runs at a time on this machine.
        ray: Address of a Ray cluster that carries them out, or ``local``, or None.

    Raises:
        UsageError: A run's configuration is wrong, its data are not there, or a folder holds
            another run; nothing has been trained then.
    """
    if ray is not None:
        check_ray()
    planned = plan(question)
    check_folder(question.out)
    _check_data(planned)
    question.out.mkdir(parents=True, exist_ok=True)
    told = _Progress(len(planned))
    threads = max(job.config.run.threads for job in planned)
    place = processes(jobs) if ray is None else ray_cluster(ray, jobs * threads)
    with place as submit:
        outcomes = carry_out(planned, submit, told)
    summary = summarise(question.out, planned, outcomes)
    write_atomically(question.out / NAME, (json.dumps(summary, indent=2) + "\n").encode())
    return summary


def _check_data(jobs: Sequence[Job]) -> None:
    """Load the images once: a download happens here, and not in every run at the same time."""
    images = jobs[0].config.data
    data = load_dataset(images.name, images.split_seed, images.validation, images.size)
    for job in jobs:
        check_fits(job.config.optimiser.batch, data)


class _Progress:
    """Says on stderr what became of each run."""

    def __init__(self, total: int) -> None:
        self._total, self._known = total, 0

    def __call__(self, job: Job, outcome: Outcome) -> None:
        self._known += 1
        psnr = outcome.figures.get("validation_psnr")
        rest = outcome.error or (f"{psnr:.2f} dB" if psnr is not None else "")
        line = f"[{self._known}/{self._total}] {job.name}: {outcome.state}; {rest}"
        print(line, file=sys.stderr, flush=True)
