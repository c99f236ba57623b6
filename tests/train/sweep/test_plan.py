"""Which runs a sweep is made of."""

from dataclasses import replace
from pathlib import Path

import pytest

from bitprior_runtime.errors import UsageError
from bitprior_train.data import load_dataset
from bitprior_train.sweep.plan import Job, Question, plan
from bitprior_train.trainer import start_run


def begin(job: Job) -> None:
    start_run(job.config, load_dataset("digits", 0, 200), job.request.out)


def test_every_combination_is_a_run_named_after_it(question: Question) -> None:
    jobs = plan(replace(question, bits=(4, 1), measurements=(6, 9), sparsity=(3,), seeds=(0, 7)))
    assert [job.name for job in jobs] == [
        f"digits-m{m}-s3-seed{seed}-{bits}bit"
        for m in (6, 9)
        for seed in (0, 7)
        for bits in (32, 4, 1)
    ]
    last = jobs[-1].config
    assert (last.quantiser.bits, last.model.measurements, last.run.seed) == (1, 9, 7)
    assert jobs[-1].request.out == question.out / jobs[-1].name


def test_low_widths_start_from_the_32_bit_run_of_their_m_s_and_seed(question: Question) -> None:
    jobs = plan(replace(question, bits=(1, 32), seeds=(0, 7)))
    assert [(job.name, job.after) for job in jobs] == [
        ("digits-m6-s5-seed0-32bit", None),
        ("digits-m6-s5-seed0-1bit", "digits-m6-s5-seed0-32bit"),
        ("digits-m6-s5-seed7-32bit", None),
        ("digits-m6-s5-seed7-1bit", "digits-m6-s5-seed7-32bit"),
    ]
    assert jobs[3].request.init_from == question.out / "digits-m6-s5-seed7-32bit"


def test_runs_start_from_scratch_if_not_told_otherwise(question: Question) -> None:
    jobs = plan(replace(question, bits=(4, 32), init_from_32=False))
    assert [(job.config.quantiser.bits, job.after) for job in jobs] == [(4, None), (32, None)]
    assert not any(job.request.init_from for job in jobs)


def test_the_values_of_an_axis_beat_overrides_and_count_once(question: Question) -> None:
    jobs = plan(replace(question, bits=(4, 4), sparsity=(3, 3), init_from_32=False))
    assert [job.name for job in jobs] == ["digits-m6-s3-seed0-4bit"]


def test_the_32_bit_run_has_no_prior_to_follow(question: Question) -> None:
    jobs = plan(replace(question, recipe="best"))
    assert [job.config.loss.distillation for job in jobs] == [0, 1.0]


def test_distillation_without_a_32_bit_run_is_refused(question: Question) -> None:
    with pytest.raises(UsageError, match="--init-from-32"):
        plan(replace(question, recipe="best", init_from_32=False))


@pytest.mark.parametrize(
    "wrong", [{"bits": (5,)}, {"sparsity": (5, 99)}, {"dataset": "cifar99"}, {"seeds": (-1,)}]
)
def test_a_wrong_value_anywhere_is_refused(
    question: Question, wrong: dict[str, tuple[int, ...]]
) -> None:
    with pytest.raises(UsageError):
        plan(replace(question, **wrong))  # type: ignore[arg-type]


def test_a_folder_with_another_configuration_is_refused(question: Question) -> None:
    begin(plan(question)[0])
    assert len(plan(question)) == 2
    with pytest.raises(UsageError, match=r"optimiser\.lr"):
        plan(replace(question, overrides=(*question.overrides, "optimiser.lr=0.5")))


def test_a_run_from_scratch_is_not_taken_for_one_with_a_start(
    question: Question, tmp_path: Path
) -> None:
    scratch = replace(question, init_from_32=False)
    begin(plan(scratch)[0])
    with pytest.raises(UsageError, match="the run it starts from"):
        plan(question)
    assert not (tmp_path / "runs" / "digits-m6-s5-seed0-32bit").exists()
