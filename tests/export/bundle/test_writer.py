"""Writing bundles: all that goes in comes out, in as few bytes as there are bits."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bitprior_export.bundle import encode_bundle, write_bundle
from bitprior_runtime.bundle import (
    Bundle,
    LearnedSearch,
    SearchOutline,
    decode_bundle,
    read_bundle,
)
from bitprior_runtime.bundle.envelope import MAGIC, digest_of
from bitprior_runtime.bundle.errors import (
    BlockShapeError,
    BundleProgramError,
    InconsistentManifestError,
    NonFiniteError,
    UnsafeNameError,
    ValueRangeError,
    WrongTypeError,
)
from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.errors import UnwritableOutputError, UsageError
from bitprior_runtime.golden import replay
from bitprior_runtime.program import Node, Program
from bitprior_runtime.tensors import FloatTensor, Grid, QuantisedTensor, Tensor
from builders.bundles import smallest_bundle, tiny_bundle
from builders.forgery import take_apart
from builders.photo import photo_bundle

STYLES: list[tuple[int, Grid]] = [
    (1, "binary"),
    *((bits, grid) for bits in range(2, 9) for grid in ("wide", "narrow", "mid-rise")),
]


def assert_same_bundle(found: Bundle, expected: Bundle) -> None:
    filled_in = {"sha256", "digest"}
    for field in fields(expected.manifest):
        if field.name not in filled_in:
            assert getattr(found.manifest, field.name) == getattr(expected.manifest, field.name)
    assert_same_program(found.generator, expected.generator)
    assert_same_program(found.sensing, expected.sensing)
    for field in fields(expected.golden):
        assert_same_array(getattr(found.golden, field.name), getattr(expected.golden, field.name))


def assert_same_search(found: LearnedSearch | None, expected: LearnedSearch | None) -> None:
    assert found is not None
    assert expected is not None
    assert_same_program(found.start, expected.start)
    assert_same_program(found.penalty, expected.penalty)
    for field in fields(expected.schedule):
        values = getattr(expected.schedule, field.name)
        assert_same_array(getattr(found.schedule, field.name), values)
    assert found.covariance.mean == expected.covariance.mean
    assert_same_array(found.covariance.table, expected.covariance.table)


def assert_same_program(found: Program, expected: Program) -> None:
    assert (found.name, found.output) == (expected.name, expected.output)
    assert dict(found.inputs) == dict(expected.inputs)
    assert repr(tuple(found.nodes)) == repr(tuple(expected.nodes))
    assert set(found.tensors) == set(expected.tensors)
    for name, tensor in expected.tensors.items():
        assert_same_tensor(found.tensors[name], tensor)


def assert_same_tensor(found: Tensor, expected: Tensor) -> None:
    assert type(found) is type(expected)
    if isinstance(found, QuantisedTensor) and isinstance(expected, QuantisedTensor):
        assert (found.bits, found.grid, found.axis) == (expected.bits, expected.grid, expected.axis)
        assert_same_array(found.codes, expected.codes)
        assert_same_array(found.scale, expected.scale)
    assert_same_array(found.values(), expected.values())


def assert_same_array(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected, strict=True)


def with_tensor(bundle: Bundle, name: str, tensor: Tensor) -> Bundle:
    tensors = {**bundle.generator.tensors, name: tensor}
    return replace(bundle, generator=replace(bundle.generator, tensors=tensors))


@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize(("bits", "grid"), STYLES)
def test_a_bundle_survives_writing_and_reading(bits: int, grid: Grid, axis: int | None) -> None:
    bundle = tiny_bundle(bits=bits, grid=grid, axis=axis, seed=bits)
    assert_same_bundle(decode_bundle(encode_bundle(bundle)), bundle)


@pytest.mark.parametrize("bits", [1, 3, 32])
def test_a_photo_prior_survives_writing_and_reading(bits: int) -> None:
    bundle = photo_bundle(bits, linear_bits=8)
    found = decode_bundle(encode_bundle(bundle))
    outlined = replace(bundle.manifest, search=SearchOutline(bundle.search.covariance.mean))
    assert_same_bundle(found, replace(bundle, manifest=outlined))
    assert_same_search(found.search, bundle.search)
    assert encode_bundle(found) == encode_bundle(bundle)
    checks = replay(FloatEngine(found.generator, found.sensing), found)
    assert [check for check in checks if not check.passed] == []


def test_a_prior_without_a_sensing_network_has_the_identity_and_no_bytes_for_it() -> None:
    data = encode_bundle(photo_bundle())
    names = take_apart(data).table
    assert not any(name.startswith("sensing/") for name in names)
    assert list(take_apart(data).manifest["programs"]) == ["generator", "penalty", "start"]
    bundle = decode_bundle(data)
    images = np.random.default_rng(0).random((2, 1, 8, 8), dtype=np.float32)
    sensed = FloatEngine(bundle.generator, bundle.sensing).sense(images)
    np.testing.assert_array_equal(sensed, images.reshape(2, -1))


def test_bits_are_those_of_most_weights() -> None:
    bundle = photo_bundle(bits=1, channels=8, linear_bits=8)
    assert decode_bundle(encode_bundle(bundle)).manifest.bits == 1
    widest = replace(bundle.manifest, bits=8, grid="wide")
    with pytest.raises(InconsistentManifestError, match="weights, 1"):
        encode_bundle(replace(bundle, manifest=widest))


def test_a_float_bundle_survives_writing_and_reading() -> None:
    bundle = tiny_bundle(bits=32)
    assert_same_bundle(decode_bundle(encode_bundle(bundle)), bundle)


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 32])
def test_a_bundle_that_was_read_replays_its_golden_cases(bits: int) -> None:
    bundle = decode_bundle(encode_bundle(tiny_bundle(bits=bits, seed=bits)))
    checks = replay(FloatEngine(bundle.generator, bundle.sensing), bundle)
    assert [check for check in checks if not check.passed] == []


def test_the_same_bundle_always_gives_the_same_bytes() -> None:
    data = encode_bundle(tiny_bundle())
    assert encode_bundle(tiny_bundle()) == data
    assert encode_bundle(decode_bundle(data)) == data


def test_a_file_begins_with_the_magic_and_its_digest() -> None:
    data = encode_bundle(tiny_bundle())
    assert data[8:].startswith(MAGIC)
    start = 8 + len(MAGIC)
    assert data[start : start + 64].decode() == digest_of(data)
    assert decode_bundle(data).manifest.digest == digest_of(data)


def test_hashes_digest_and_format_are_filled_in_whatever_they_held() -> None:
    bundle = tiny_bundle()
    odd = replace(bundle.manifest, digest="x", format="9.9", sha256={"a": "b"})
    assert encode_bundle(replace(bundle, manifest=odd)) == encode_bundle(bundle)


@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_weights_take_exactly_their_bits(bits: int) -> None:
    shape = (101, 307)
    codes = np.random.default_rng(0).integers(0, 2**bits, shape, dtype=np.uint8)
    grid: Grid = "binary" if bits == 1 else "wide"
    scale = np.ones(shape[0], dtype=np.float32)
    bundle = with_tensor(
        tiny_bundle(bits=bits), "w", QuantisedTensor(codes, bits, grid, scale, axis=0)
    )
    block = take_apart(encode_bundle(bundle)).table["generator/w#codes"]
    start, stop = block["data_offsets"]
    assert stop - start == bits * -(-codes.size // 8)
    assert stop - start <= 1.05 * codes.size * bits / 8


def test_arrays_in_any_memory_order_are_written_alike() -> None:
    bundle = tiny_bundle()
    golden = replace(
        bundle.golden,
        latents=np.asfortranarray(bundle.golden.latents),
        images=bundle.golden.images[:, :, ::-1][:, :, ::-1],
    )
    assert encode_bundle(replace(bundle, golden=golden)) == encode_bundle(bundle)


def test_a_network_of_three_hundred_tensors_fits_the_header_limit() -> None:
    bundle = tiny_bundle()
    nodes, last = list(bundle.generator.nodes), "x"
    tensors = dict(bundle.generator.tensors)
    for index in range(300):
        name, output = f"block{index}.layer.weight", f"block{index}/Mul_output_0"
        tensors[name] = QuantisedTensor(
            np.ones((1, 2, 3), dtype=np.uint8), 4, "wide", np.ones(2, dtype=np.float32), axis=1
        )
        nodes.append(Node("Mul", (last, name), output))
        last = output
    nodes[6] = replace(nodes[6], output="first")
    nodes[7] = replace(nodes[7], inputs=("first", nodes[7].inputs[1]))
    nodes[-1] = replace(nodes[-1], output="x")
    generator = replace(bundle.generator, nodes=tuple(nodes), tensors=tensors)
    data = encode_bundle(replace(bundle, generator=generator))
    assert int.from_bytes(data[:8], "little") < 2**18


def test_a_bundle_is_written_whole_to_its_path(tmp_path: Path) -> None:
    path = tmp_path / "tiny.bitprior"
    written = write_bundle(path, tiny_bundle())
    assert path.read_bytes() == encode_bundle(tiny_bundle())
    assert path.stat().st_size == written
    assert [entry.name for entry in tmp_path.iterdir()] == ["tiny.bitprior"]
    assert_same_bundle(read_bundle(path), tiny_bundle())


def test_a_bundle_that_cannot_be_read_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "tiny.bitprior"
    write_bundle(path, tiny_bundle())
    before = path.read_bytes()
    bad = replace(tiny_bundle(), manifest=replace(tiny_bundle().manifest, bits=3))
    with pytest.raises(InconsistentManifestError):
        write_bundle(path, bad)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_does_not_exist_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(UnwritableOutputError):
        write_bundle(tmp_path / "missing" / "tiny.bitprior", tiny_bundle())


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"training": {"steps": np.int64(3)}}, WrongTypeError),
        ({"training": {"loss": float("nan")}}, WrongTypeError),
        ({"latent": 5, "latents": {"z": (5,)}}, BlockShapeError),
        ({"companions": {"../x": "0" * 64}}, UnsafeNameError),
        ({"value_range": (-1.0, 1.0)}, ValueRangeError),
    ],
)
def test_a_wrong_manifest_is_refused(changes: dict[str, Any], error: type[Exception]) -> None:
    bundle = smallest_bundle()
    with pytest.raises(error) as caught:
        encode_bundle(replace(bundle, manifest=replace(bundle.manifest, **changes)))
    assert type(caught.value) is error


def test_a_tensor_of_another_dtype_is_refused_not_converted() -> None:
    double = FloatTensor(np.zeros(6))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"float32.*float64"):
        encode_bundle(with_tensor(tiny_bundle(), "fc0.bias", double))


def test_a_tensor_that_is_not_finite_is_refused() -> None:
    bad = FloatTensor(np.full(6, np.nan, dtype=np.float32))
    with pytest.raises(NonFiniteError):
        encode_bundle(with_tensor(tiny_bundle(), "fc0.bias", bad))


def test_a_scale_of_another_shape_is_refused() -> None:
    codes = np.zeros((6, 4), dtype=np.uint8)
    bad = QuantisedTensor(codes, 4, "wide", np.ones(4, dtype=np.float32), axis=0)
    with pytest.raises(BlockShapeError, match=r"\(6,\).*\(4,\)"):
        encode_bundle(with_tensor(tiny_bundle(), "fc0.weight", bad))


def test_a_program_that_does_not_fit_is_refused() -> None:
    bad = FloatTensor(np.zeros(7, dtype=np.float32))
    with pytest.raises(BundleProgramError, match="generator Gemm"):
        encode_bundle(with_tensor(tiny_bundle(), "fc0.bias", bad))
