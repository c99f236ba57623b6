"""Early stopping: when a run ends, and with which weights."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from bitprior_train import recorder
from bitprior_train.checkpoint import load_checkpoint
from bitprior_train.config import ValidationConfig
from bitprior_train.early_stop import EarlyStop
from bitprior_train.learner import Learner
from bitprior_train.runlog import read_metrics
from bitprior_train.session import Request, train_run
from builders.tiny_training import TINY_NETWORKS

TINY = (
    *TINY_NETWORKS,
    "quantiser.bits=4",
    "optimiser.batch=8",
    "optimiser.steps=12",
    "validation.images=4",
    "validation.every=2",
    "validation.steps=[1]",
    "run.checkpoint_every=5",
)
CURVE = {2: 10.0, 4: 12.0, 6: 11.0, 8: 11.9, 10: 30.0, 12: 10.0}


def seen(curve: list[float], patience: int, min_delta: float = 0.0) -> tuple[list[bool], EarlyStop]:
    watch = EarlyStop(patience, min_delta)
    ended = []
    for step, psnr in enumerate(curve, 1):
        watch.see(psnr, step)
        ended.append(watch.ended)
    return ended, watch


def test_it_ends_after_so_many_validations_without_a_better_one() -> None:
    ended, watch = seen([10, 12, 11, 11.5, 11.9], patience=3)
    assert ended == [False, False, False, False, True]
    assert (watch.best, watch.best_step) == (12, 2)


def test_without_patience_it_never_ends() -> None:
    assert seen([10, 9, 8, 7], patience=0)[0] == [False] * 4


def test_a_rise_of_less_than_min_delta_does_not_count_but_is_still_the_best() -> None:
    ended, watch = seen([10, 10.4, 10.8], patience=2, min_delta=0.5)
    assert ended == [False, False, False]  # 10.8 is 0.8 above the last that counted
    assert watch.best == 10.8
    ended, watch = seen([10, 10.2, 10.4], patience=2, min_delta=0.5)
    assert ended == [False, False, True]
    assert (watch.best, watch.best_step) == (10.4, 3)


def test_a_checkpoint_restores_it() -> None:
    _, watch = seen([10, 12, 11], patience=3)
    config = ValidationConfig(patience=3)
    again = EarlyStop.of(config, json.loads(json.dumps(watch.meta())))
    assert again == watch
    assert EarlyStop.of(config, {}) == EarlyStop(3, 0.0)
    assert EarlyStop(0, 0.0).meta() == {}


@pytest.fixture
def curve(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, torch.Tensor]]:
    """Validations that find CURVE, whatever the weights; keeps those of each."""
    weights: list[dict[str, torch.Tensor]] = []

    def validate(config: Any, data: Any, learner: Learner, device: Any) -> dict[int, float]:
        weights.append({n: t.clone() for n, t in learner.tensors().items()})
        return {1: CURVE[2 * len(weights)]} if 2 * len(weights) in CURVE else {1: -1.0}

    monkeypatch.setattr(recorder, "validate", validate)
    return weights


def request(out: Path, *overrides: str) -> Request:
    return Request("digits", out, overrides=(*TINY, *overrides))


def test_a_run_that_stops_ends_with_the_weights_of_its_best_validation(
    tmp_path: Path, curve: list[dict[str, torch.Tensor]]
) -> None:
    result = train_run(request(tmp_path / "run", "validation.patience=2"))
    assert result.steps == 8
    tensors, meta = load_checkpoint(tmp_path / "run")
    for name, tensor in curve[1].items():  # of step 4
        assert torch.equal(tensors[name], tensor), name
    assert not torch.equal(tensors["log_beta"], curve[3]["log_beta"])
    assert (meta["step"], meta["best_step"]) == (8, 4)
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (record["steps"], record["best_step"]) == (8, 4)
    assert not (tmp_path / "run" / "best.safetensors").exists()


def test_a_run_that_has_stopped_is_not_trained_on(
    tmp_path: Path, curve: list[dict[str, torch.Tensor]]
) -> None:
    train_run(request(tmp_path / "run", "validation.patience=2"))
    (tmp_path / "run" / "run.json").unlink()
    before = load_checkpoint(tmp_path / "run")[0]
    result = train_run(Request("digits", tmp_path / "run", resume=True))
    assert (result.steps, result.images_per_s) == (8, 0)
    after = load_checkpoint(tmp_path / "run")[0]
    assert all(torch.equal(t, after[n]) for n, t in before.items())
    assert (tmp_path / "run" / "run.json").exists()


def test_patience_that_is_not_used_up_also_ends_with_the_best(
    tmp_path: Path, curve: list[dict[str, torch.Tensor]]
) -> None:
    assert train_run(request(tmp_path / "run", "validation.patience=5")).steps == 12
    meta = load_checkpoint(tmp_path / "run")[1]
    assert (meta["step"], meta["best_step"]) == (12, 10)


def test_without_patience_a_run_ends_with_its_last_weights(
    tmp_path: Path, curve: list[dict[str, torch.Tensor]]
) -> None:
    train_run(request(tmp_path / "run"))
    tensors = load_checkpoint(tmp_path / "run")[0]
    assert all(torch.equal(tensors[n], t) for n, t in curve[5].items())
    assert json.loads((tmp_path / "run" / "run.json").read_text())["best_step"] == 12


def test_a_killed_run_stops_where_it_would_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overrides = ("validation.patience=2", "validation.min_delta=9", "optimiser.lr=1e-4")
    whole = train_run(request(tmp_path / "whole", *overrides))
    assert whole.steps == 6
    step: Callable[..., Any] = Learner.step

    def dying(self: Learner, x: Any, z0: Any, number: int) -> Any:
        if number == 5:
            raise KeyboardInterrupt
        return step(self, x, z0, number)

    monkeypatch.setattr(Learner, "step", dying)
    with pytest.raises(KeyboardInterrupt):
        train_run(request(tmp_path / "killed", *overrides))
    monkeypatch.setattr(Learner, "step", step)
    assert train_run(Request("digits", tmp_path / "killed", resume=True)).steps == 6
    assert read_metrics(tmp_path / "killed" / "metrics.jsonl") == read_metrics(
        tmp_path / "whole" / "metrics.jsonl"
    )
    ours, theirs = (load_checkpoint(tmp_path / n)[0] for n in ("killed", "whole"))
    assert all(torch.equal(ours[n], t) for n, t in theirs.items())
