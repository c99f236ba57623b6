"""Choosing an engine by measuring."""

from dataclasses import replace

import numpy as np
import pytest

from bitprior_runtime.engines import FloatEngine, registry
from bitprior_runtime.engines.registry import EngineContext, EngineKind
from bitprior_runtime.engines.selection import choose_engine
from bitprior_runtime.errors import BitpriorError, UsageError
from builders.bundles import tiny_bundle


class Slow(FloatEngine):
    """The float engine, many times over."""

    kernel = "slow"

    def value_and_grad(self, z, y):
        for _ in range(50):
            found = super().value_and_grad(z, y)
        return found


class Wrong(FloatEngine):
    """A gradient that points elsewhere."""

    kernel = "wrong"

    def value_and_grad(self, z, y):
        loss, gradient = super().value_and_grad(z, y)
        return loss, gradient[:, ::-1].copy()


def missing(context):
    raise UsageError("an optional package", "it is not there", "install it")


def kind(engine):
    return EngineKind(
        "float", engine.kernel, lambda c: engine(c.bundle.generator, c.bundle.sensing)
    )


@pytest.fixture
def kinds(monkeypatch):
    def use(*found):
        monkeypatch.setattr(registry, "KINDS", found)

    return use


@pytest.fixture
def context():
    return EngineContext(tiny_bundle())


def test_the_fastest_engine_wins_and_the_reason_names_the_times(kinds, context):
    kinds(kind(Slow), kind(FloatEngine), EngineKind("onnx", "absent", missing))
    choice = choose_engine(context, rows=3)
    assert choice.name == "float/numpy"
    assert choice.reason.startswith("one gradient of 3 rows: float/numpy ")
    assert "float/slow" in choice.reason
    assert "onnx/absent is out: it is not there" in choice.reason


def test_an_engine_whose_gradients_turn_away_is_out(kinds, context):
    kinds(kind(Wrong), kind(Slow))
    choice = choose_engine(context, rows=1)
    assert choice.name == "float/slow"
    assert "float/wrong is out: its gradients turn away" in choice.reason


def test_if_nothing_works_the_error_says_what_was_tried(kinds, context):
    kinds(kind(Wrong))
    with pytest.raises(BitpriorError, match="float/wrong: its gradients turn away"):
        choose_engine(context, rows=1)
    kinds(EngineKind("onnx", "absent", missing))
    with pytest.raises(UsageError, match="an optional package"):
        choose_engine(context, rows=1)


def test_gradients_that_are_not_numbers_are_out(kinds, context):
    golden = context.bundle.golden
    broken = replace(golden, gradients=np.full_like(golden.gradients, np.nan))
    kinds(kind(FloatEngine))
    with pytest.raises(BitpriorError, match="turn away"):
        choose_engine(EngineContext(replace(context.bundle, golden=broken)), rows=1)
