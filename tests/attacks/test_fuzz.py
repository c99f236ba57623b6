"""A little of ``make fuzz``, and what the fuzzer calls harm."""

import random
from contextlib import suppress

import pytest

from attacks.fuzz import __main__ as fuzz
from attacks.fuzz.mutate import CHANGES, mutated
from attacks.fuzz.seeds import GOLDEN, seeds
from attacks.fuzz.trial import attempt
from bitprior_export.bundle import encode_bundle
from bitprior_runtime import kernels
from bitprior_runtime.bundle import BundleError, decode_bundle
from bitprior_runtime.bundle.envelope import check_digest
from bitprior_runtime.model import Model
from builders.bundles import tiny_bundle
from builders.forgery import take_apart

FEW = 40


def test_every_seed_is_a_whole_bundle_that_runs():
    found = seeds()
    assert len(list(GOLDEN.glob("*.bitprior"))) >= 5
    assert len(found) > 80
    for name, data in found.items():
        assert decode_bundle(data).manifest.name, name
    outcome = attempt(found["tiny-4"])
    assert outcome["foreign"] == []
    # generate, sense, recover and verify on all four engines
    assert outcome["ran"] == 16 or kernels.problem() is not None


def test_a_mutation_is_the_same_every_time_and_has_a_right_digest():
    data = seeds()["tiny-4"]
    made = [mutated(data, number) for number in range(200)]
    assert made == [mutated(data, number) for number in range(200)]
    assert len(set(made)) > 150
    loaded = 0
    for file in made:
        with suppress(BundleError):
            check_digest(file)
            loaded += 1
    assert loaded == len(made)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_every_change_changes_something(change):
    found = seeds()
    changed = 0
    for number in range(60):
        name = random.Random(number).choice(list(found))
        parts = take_apart(found[name])
        before = (repr(parts.manifest), bytes(parts.data))
        try:
            change(random.Random(number), parts)
        except (LookupError, TypeError, ValueError):
            continue
        changed += (repr(parts.manifest), bytes(parts.data)) != before
    assert changed > 0


def test_a_few_mutations_do_no_harm():
    counts, harms = fuzz.try_range(0, FEW, None)
    assert harms == []
    assert counts["files"] == FEW
    assert counts["loaded"] > 0


def test_harm_is_seen(monkeypatch):
    def crash(*arguments, **options):
        raise ZeroDivisionError("boom")

    monkeypatch.setattr(Model, "recover", crash)
    outcome = attempt(encode_bundle(tiny_bundle(4)))
    assert "ZeroDivisionError" in outcome["foreign"][0]
    whole = {"foreign": [], "seconds": 1.0, "peak_mb": 50.0}
    assert fuzz._judged(whole) is None
    for field, value, kind in (
        ("foreign", ["Traceback"], "foreign traceback"),
        ("seconds", 11.0, "too long"),
        ("peak_mb", 1001.0, "too large"),
    ):
        assert fuzz._judged({**whole, field: value})["kind"] == kind
