"""A little of ``make fuzz``, and what the fuzzer calls harm."""

import json
import random
from contextlib import suppress

import numpy as np
import pytest

from attacks.fuzz import __main__ as fuzz
from attacks.fuzz import bundles, onnx_files, operators
from attacks.fuzz.cases import KINDS, case_of
from attacks.fuzz.mutate import CHANGES, mutated
from attacks.fuzz.seeds import GOLDEN, seeds
from attacks.fuzz.trial import tried
from attacks.fuzz.tries import Tries
from bitprior_export.bundle import encode_bundle
from bitprior_runtime import kernels
from bitprior_runtime.bundle import BundleError, decode_bundle
from bitprior_runtime.bundle.envelope import check_digest
from bitprior_runtime.errors import UsageError
from bitprior_runtime.model import Model
from builders.bundles import tiny_bundle
from builders.forgery import take_apart

FEW = 40
# What overflows is an error further on.
pytestmark = pytest.mark.filterwarnings("ignore")


def test_every_seed_is_a_whole_bundle_that_runs(tmp_path):
    found = seeds()
    assert len(list(GOLDEN.glob("*.bitprior"))) >= 5
    assert len(found) > 80
    for name, data in found.items():
        assert decode_bundle(data).manifest.name, name
    for name in ("tiny-4", "photo-4"):
        path = tmp_path / f"{name}.bitprior"
        path.write_bytes(found[name])
        outcomes = [bundles.attempt(path, seed) for seed in range(3)]
        assert [outcome.foreign for outcome in outcomes] == [[], [], []]
        # generate, sense, recover and verify on all four engines; frames and operators on two
        assert max(outcome.ran for outcome in outcomes) >= 16 or kernels.problem() is not None


def test_every_kind_of_case_is_the_same_every_time_and_does_something():
    ran = dict.fromkeys(KINDS, 0)
    for number in range(4 * len(KINDS)):
        case, again = case_of(number), case_of(number)
        assert (case.name, case.files) == (again.name, again.files)
        outcome = tried(case)
        assert outcome["foreign"] == []
        ran[KINDS[number % len(KINDS)]] += outcome["ran"]
    del ran["operator"]  # most texts are refused; see below
    assert min(ran.values()) > 0, ran


def test_the_onnx_engine_runs_an_onnx_file_that_is_left_as_it_was(tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(onnx_files, "changed", lambda rng, data: data)
    for seed in range(8):
        _, files, attempt = onnx_files.made(random.Random(seed))
        folder = tmp_path / str(seed)
        for name, data in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        outcome = attempt(folder)
        assert outcome.foreign == []
    assert outcome.loaded


@pytest.mark.parametrize("change", onnx_files.CHANGES, ids=lambda change: change.__name__)
def test_every_change_of_an_onnx_file_changes_something(change):
    graphs = onnx_files._graphs("tiny-4")
    changed = 0
    for number in range(20):
        before = onnx_files.onnx.load_from_string(graphs["recover"])
        after = onnx_files.onnx.load_from_string(graphs["recover"])
        with suppress(LookupError, TypeError, ValueError, OverflowError):
            change(random.Random(number), after)
        changed += before != after
    assert changed > 0


def test_most_kinds_of_operator_are_made_by_some_text(tmp_path):
    kinds = set()
    for number in range(150):
        _, files, attempt = operators.made(random.Random(number))
        folder = tmp_path / str(number)
        folder.mkdir()
        for name, data in files.items():
            (folder / name).write_bytes(data)
        if attempt(folder).loaded:
            kinds.add(json.loads(files["asked.json"])["text"].partition(":")[0])
    assert kinds >= {"matrix", "blocks", "gaussian-blocks", "walsh-blocks"}


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


def test_a_few_cases_do_no_harm_in_a_child():
    counts, harms = fuzz.try_range(0, FEW, None)
    assert harms == []
    assert counts["files"] == FEW
    assert counts["loaded"] > 0


def test_harm_is_seen(monkeypatch, tmp_path):
    def crash(*arguments, **options):
        raise ZeroDivisionError("boom")

    monkeypatch.setattr(Model, "recover", crash)
    path = tmp_path / "m.bitprior"
    path.write_bytes(encode_bundle(tiny_bundle(4)))
    outcome = bundles.attempt(path)
    assert "ZeroDivisionError" in outcome.foreign[0]
    whole = {"foreign": [], "seconds": 1.0, "peak_mb": 50.0}
    assert fuzz._judged(whole) is None
    for field, value, kind in (
        ("foreign", ["Traceback"], "foreign traceback"),
        ("seconds", 11.0, "too long"),
        ("peak_mb", 1001.0, "too large"),
    ):
        assert fuzz._judged({**whole, field: value})["kind"] == kind


def test_pictures_of_nan_and_messages_of_two_lines_are_harm():
    tries = Tries()
    tries.finite("recover", np.array([1.0, np.nan]))
    assert "NaN" in tries.foreign[0]

    class TwoLinesError(UsageError):
        def __str__(self) -> str:
            return "one\ntwo"

    def refuse():
        raise TwoLinesError("this", "that", "go")

    assert tries.go("load", refuse) is None
    assert "not one printable line" in tries.foreign[1]
