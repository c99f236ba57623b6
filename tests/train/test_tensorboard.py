"""TensorBoard's own reader finds the log's figures in the event files."""

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from bitprior_train.runlog import RunLog

TRAIN = {"kind": "train", "loss": 2.5, "beta": 0.01}
VALIDATION = {
    "kind": "validation",
    "psnr": {10: 20.5, 50: 21.25},
    "zeros": {"layers.0.weight": 0.25},
    "levels": {"layers.0.weight": {"-1": 3, "1": 4}},
}


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    events = EventAccumulator(str(folder))
    events.Reload()
    return {
        tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]
    }


def test_event_files_hold_losses_and_validations_under_their_names(tmp_path: Path) -> None:
    with RunLog(tmp_path, 0, 4) as log:
        log.write({**TRAIN, "step": 1})
        log.write({**TRAIN, "step": 2, "loss": 2.25})
        log.write({**VALIDATION, "step": 2})
    assert scalars(tmp_path) == {
        "train/loss": [(1, 2.5), (2, 2.25)],
        "train/beta": [(1, pytest.approx(0.01)), (2, pytest.approx(0.01))],
        "validation/psnr/10": [(2, 20.5)],
        "validation/psnr/50": [(2, 21.25)],
        "validation/zeros/layers.0.weight": [(2, 0.25)],
    }


def test_figures_are_in_the_file_at_each_checkpoint(tmp_path: Path) -> None:
    with RunLog(tmp_path, 0, 4) as log:
        log.write({**TRAIN, "step": 1})
        log.sync()
        assert scalars(tmp_path)["train/loss"] == [(1, 2.5)]


def test_a_resumed_run_replaces_the_figures_after_its_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # File names begin with the second they were made in, and are read in that order.
    clock = iter(range(1_700_000_000, 1_700_001_000, 10))
    monkeypatch.setattr("torch.utils.tensorboard.writer.time.time", lambda: next(clock))
    with RunLog(tmp_path, 0, 4) as log:
        for step in (1, 2, 3):
            log.write({**TRAIN, "step": step})
    with RunLog(tmp_path, 2, 4) as log:
        for step in (3, 4):
            log.write({**TRAIN, "step": step, "loss": 1.0})
    assert scalars(tmp_path)["train/loss"] == [(1, 2.5), (2, 2.5), (3, 1.0), (4, 1.0)]
