"""Reading bundles from disk: what a path can be, what comes back, what it costs."""

import os
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bitprior_export.bundle import encode_bundle, write_bundle
from bitprior_runtime.bundle import BundleError, decode_bundle, limits, read_bundle
from bitprior_runtime.bundle.errors import (
    BundleTooLargeError,
    EmptyBundleError,
    ForeignBundleError,
    NewerMajorError,
    ShapeError,
)
from bitprior_runtime.errors import MissingFileError
from bitprior_runtime.program import Node, Program
from bitprior_runtime.tensors import FloatTensor, QuantisedTensor
from builders.bounded import decode_bounded
from builders.bundles import tiny_bundle
from builders.forgery import forged

# Quantised weights that the tiny bundle has already.
TINY_CODES = 6 * 4 + 6 * 6


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.bitprior"


def test_a_bundle_that_was_written_is_read(path: Path) -> None:
    write_bundle(path, tiny_bundle())
    for name in (path, str(path)):
        assert read_bundle(name).manifest.name == "tiny"


def test_a_missing_file_is_a_usage_error(path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"model\.bitprior.*No such file") as caught:
        read_bundle(path)
    assert caught.value.exit_code == 2


def test_a_path_with_a_nul_is_a_usage_error() -> None:
    with pytest.raises(MissingFileError):
        read_bundle("model\0.bitprior")


def test_a_folder_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="folder"):
        read_bundle(tmp_path)


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
def test_a_device_is_refused_before_it_is_read(device: str) -> None:
    with pytest.raises(MissingFileError, match="device"):
        read_bundle(device)


def test_a_pipe_is_refused_before_it_blocks(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(MissingFileError, match="pipe"):
        read_bundle(path)


def test_a_file_over_the_limit_is_refused_before_it_is_read(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(limits.MAX_FILE_BYTES + 1)  # sparse: takes no room on disk
    tracemalloc.start()
    with pytest.raises(BundleTooLargeError):
        read_bundle(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_an_empty_a_foreign_and_a_newer_file_are_told_apart(path: Path) -> None:
    path.write_bytes(b"")
    with pytest.raises(EmptyBundleError):
        read_bundle(path)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(1000))
    with pytest.raises(ForeignBundleError):
        read_bundle(path)
    path.write_bytes(forged(lambda parts: parts.manifest.update(format="3.4")))
    with pytest.raises(NewerMajorError, match=r"1\.4.*3\.4") as caught:
        read_bundle(path)
    assert isinstance(caught.value, BundleError)
    assert caught.value.exit_code == 3


def test_the_arrays_of_a_bundle_are_read_only() -> None:
    bundle = decode_bundle(encode_bundle(tiny_bundle()))
    weight = bundle.generator.tensors["fc0.weight"]
    bias = bundle.generator.tensors["fc0.bias"]
    assert isinstance(weight, QuantisedTensor)
    assert isinstance(bias, FloatTensor)
    for array in (weight.codes, weight.scale, bias.array, bundle.golden.images):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_reading_many_one_bit_weights_takes_little_memory() -> None:
    count = limits.MAX_CODES - TINY_CODES
    data = wide_bundle(count)
    assert len(data) < 6 * 2**20
    assert decode_bounded(data).generator.tensors["w"].shape == (4, count // 4)


def test_reading_many_float_weights_takes_little_memory() -> None:
    data = wide_bundle(2**25, quantised=False)
    assert len(data) > 128 * 2**20
    decode_bounded(data)


def test_more_weights_than_the_limit_are_refused() -> None:
    with pytest.raises(ShapeError, match="quantised weights"):
        wide_bundle(limits.MAX_CODES - TINY_CODES + 4)


def wide_bundle(count: int, quantised: bool = True) -> bytes:
    """Return a bundle with one weight of ``count`` values (whatever it computes), 4 a column."""
    bundle = tiny_bundle(bits=1 if quantised else 32, axis=None)
    tensor = (
        QuantisedTensor(
            np.ones((4, count // 4), dtype=np.uint8), 1, "binary", np.ones((), dtype=np.float32)
        )
        if quantised
        else FloatTensor(np.ones((4, count // 4), dtype=np.float32))
    )
    generator = Program(
        "generator",
        bundle.generator.inputs,
        "x",
        (*bundle.generator.nodes, *unused_use_of("w")),
        {**bundle.generator.tensors, "w": tensor},
    )
    return encode_bundle(replace(bundle, generator=generator))


def unused_use_of(name: str) -> tuple[Node, ...]:
    """Return nodes that read a [4, n] tensor and whose output nobody reads."""
    return (Node("MatMul", ("z", name), "big"),)
