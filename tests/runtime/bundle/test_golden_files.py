"""The golden bundle of every released format is read for ever, exactly as it was meant."""

import json
from pathlib import Path

import pytest

from bitprior_runtime.bundle import FORMAT, read_bundle
from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.golden import replay
from builders.golden_file import (
    CALIBRATION_SINCE_1_3,
    FOLDER,
    SINCE_1_1,
    SINCE_1_4,
    SOLVER_SINCE_1_1,
    SOLVER_SINCE_1_2,
    contents,
    write_golden_file,
)

RELEASED = sorted(FOLDER.glob("format-*.bitprior"))


def test_there_is_a_golden_bundle_of_this_format() -> None:
    assert f"format-{FORMAT}.bitprior" in [path.name for path in RELEASED]


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: path.stem)
def test_a_golden_bundle_is_read_as_it_was_meant(path: Path) -> None:
    wanted = json.loads(path.with_suffix(".json").read_text())
    wanted["manifest"] = SINCE_1_1 | SINCE_1_4 | wanted["manifest"]
    newer = SOLVER_SINCE_1_1 | SOLVER_SINCE_1_2
    wanted["manifest"]["solver"] = newer | wanted["manifest"]["solver"]
    if wanted["manifest"]["calibration"] is not None:
        calibration = CALIBRATION_SINCE_1_3 | wanted["manifest"]["calibration"]
        wanted["manifest"]["calibration"] = calibration
    assert contents(read_bundle(path)) == wanted


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: path.stem)
def test_a_golden_bundle_replays(path: Path) -> None:
    bundle = read_bundle(path)
    checks = replay(FloatEngine(bundle.generator, bundle.sensing), bundle)
    assert [check for check in checks if not check.passed] == []


def test_the_golden_bundle_can_still_be_made(tmp_path: Path) -> None:
    write_golden_file(tmp_path)
    name = f"format-{FORMAT}"
    assert contents(read_bundle(tmp_path / f"{name}.bitprior")) == json.loads(
        (tmp_path / f"{name}.json").read_text()
    )
