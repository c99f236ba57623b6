"""Mutations: whatever is done to a bundle, the reader reads it whole or raises a BundleError."""

import resource
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from bitprior_export.bundle import encode_bundle
from bitprior_runtime.bundle import Bundle, BundleError, decode_bundle
from bitprior_runtime.bundle.envelope import seal
from bitprior_runtime.engines import FloatEngine
from builders.bounded import decode_bounded
from builders.bundles import tiny_bundle
from builders.mutations import Edit, byte_edits, json_edits, with_json_edits

# The same mutations in every run: a failure is a change in the code, never luck.
FUZZ = settings(
    deadline=None,  # decode_bounded has its own
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)


@pytest.fixture(autouse=True, scope="module")
def capped_memory() -> Iterator[None]:
    """Let a runaway mutation fail with MemoryError instead of taking the machine with it."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 2**31, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@cache
def good() -> bytes:
    return encode_bundle(tiny_bundle())


def edited(edits: list[Edit]) -> bytes:
    data = good()
    for edit in edits:
        data = edit(data)
    return data


def decode_or_refuse(data: bytes) -> Bundle | None:
    try:
        return decode_bounded(data)
    except BundleError:
        return None


def assert_usable(bundle: Bundle) -> None:
    """Assert that a bundle that was read can be run and written again."""
    golden = bundle.golden
    engine = FloatEngine(bundle.generator, bundle.sensing)
    with np.errstate(all="ignore"):
        losses, gradients = engine.value_and_grad(golden.latents, golden.measurements)
        images = engine.generate(golden.latents)
    assert images.shape == golden.images.shape
    assert gradients.shape == golden.gradients.shape
    assert losses.shape == golden.losses.shape
    again = encode_bundle(bundle)
    assert encode_bundle(decode_bundle(again)) == again


@settings(FUZZ, max_examples=2000)
@given(byte_edits)
def test_changed_bytes_are_refused_unless_they_are_the_original(edits: list[Edit]) -> None:
    data = edited(edits)
    assert decode_or_refuse(data) is None or data == good()


@settings(FUZZ, max_examples=1500)
@given(byte_edits)
def test_changed_bytes_under_a_right_digest_are_refused_or_usable(edits: list[Edit]) -> None:
    bundle = decode_or_refuse(seal(edited(edits)))
    if bundle is not None:
        assert_usable(bundle)


@settings(FUZZ, max_examples=2500)
@given(json_edits)
def test_a_changed_manifest_under_right_hashes_is_refused_or_usable(edits: list[Any]) -> None:
    bundle = decode_or_refuse(with_json_edits(good(), edits))
    if bundle is not None:
        assert_usable(bundle)
