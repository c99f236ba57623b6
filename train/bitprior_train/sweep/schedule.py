"""Carry out runs that wait for one another."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait

from bitprior_train.sweep.execute import Outcome
from bitprior_train.sweep.plan import Job

Submit = Callable[[Job], "Future[Outcome]"]
Tell = Callable[[Job, Outcome], None]


def carry_out(jobs: Sequence[Job], submit: Submit, tell: Tell) -> dict[str, Outcome]:
    """Return the outcome of every run, by name; one that fails stops only those that start from it.

    Args:
        jobs: The runs.
        submit: Begins a run as soon as there is room for it.
        tell: Told of every outcome as it is known.
    """
    outcomes: dict[str, Outcome] = {}
    waiting, running = list(jobs), dict[Future[Outcome], Job]()

    def settle(job: Job, outcome: Outcome) -> None:
        outcomes[job.name] = outcome
        tell(job, outcome)

    while waiting or running:
        for job in [j for j in waiting if j.after is None or j.after in outcomes]:
            waiting.remove(job)
            if job.after is not None and not outcomes[job.after].finished:
                settle(job, Outcome("blocked", error=f"{job.after} is not finished"))
            else:
                running[submit(job)] = job
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            settle(running.pop(future), _outcome(future))
    return outcomes


def _outcome(future: "Future[Outcome]") -> Outcome:
    error = future.exception()
    if error is None:
        return future.result()
    return Outcome("failed", error=" ".join(f"{type(error).__name__}: {error}".split()))
