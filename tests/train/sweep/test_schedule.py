"""Runs that wait for one another, and what a failure stops."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from bitprior_train.sweep.execute import Outcome
from bitprior_train.sweep.plan import Job, Question, plan
from bitprior_train.sweep.schedule import carry_out

FIRST, OTHER = "digits-m6-s5-seed0-32bit", "digits-m6-s5-seed1-32bit"


def two_groups(question: Question) -> list[Job]:
    return plan(replace(question, bits=(4, 1), seeds=(0, 1)))


def carried_out(
    jobs: list[Job], run: Callable[[Job], Outcome]
) -> tuple[dict[str, Outcome], list[str]]:
    told: list[str] = []
    with ThreadPoolExecutor(2) as pool:
        outcomes = carry_out(
            jobs, lambda job: pool.submit(run, job), lambda job, _: told.append(job.name)
        )
    return outcomes, told


def test_a_run_begins_when_the_one_it_starts_from_is_finished(question: Question) -> None:
    jobs, finished = two_groups(question), list[str]()

    def run(job: Job) -> Outcome:
        assert job.after is None or job.after in finished
        finished.append(job.name)
        return Outcome("trained")

    outcomes, told = carried_out(jobs, run)
    assert {o.state for o in outcomes.values()} == {"trained"}
    assert sorted(told) == sorted(job.name for job in jobs)


def test_a_failure_stops_only_the_runs_that_start_from_it(question: Question) -> None:
    begun = []

    def run(job: Job) -> Outcome:
        begun.append(job.name)
        return Outcome("failed", error="no") if job.name == FIRST else Outcome("there")

    outcomes, told = carried_out(two_groups(question), run)
    states = {name: outcome.state for name, outcome in outcomes.items()}
    for bits in (4, 1):
        assert states[FIRST.replace("32", str(bits))] == "blocked"
        assert states[OTHER.replace("32", str(bits))] == "there"
    assert outcomes[FIRST.replace("32", "4")].error == f"{FIRST} is not finished"
    assert len(begun) == 4
    assert len(told) == 6


def test_a_worker_that_dies_is_a_run_that_failed(question: Question) -> None:
    def run(job: Job) -> Outcome:
        raise MemoryError("none left\n")

    outcomes, _ = carried_out(two_groups(question), run)
    assert outcomes[FIRST] == Outcome("failed", error="MemoryError: none left")


def test_runs_that_do_not_wait_are_all_begun_at_once(question: Question) -> None:
    futures: dict[str, Future[Outcome]] = {}

    def submit(job: Job) -> Future[Outcome]:
        futures[job.name] = Future()
        if len(futures) == 4:
            for future in futures.values():
                future.set_result(Outcome("trained"))
        return futures[job.name]

    jobs = plan(replace(question, seeds=(0, 1, 2, 3), init_from_32=False))
    assert len(carry_out(jobs, submit, lambda job, outcome: None)) == 4
