import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bitprior_export import image_files
from bitprior_export.errors import RunRecordError
from bitprior_export.training_run import read_run
from builders.networks import GEOMETRY, images
from builders.runs import write_record, write_samples


@pytest.fixture
def run(tmp_path: Path) -> Path:
    for name in ("generator.onnx", "sensing.onnx"):
        (tmp_path / name).write_bytes(b"not read here")
    write_samples(tmp_path, images().numpy())
    write_record(tmp_path)
    return tmp_path


def test_a_run_says_what_export_needs(run: Path) -> None:
    found = read_run(run)
    assert (found.dataset, found.bits, found.geometry) == ("noise", 4, GEOMETRY)
    assert (found.latent, found.measurements, found.sparsity) == (6, 5, 4)
    assert (found.step_size, found.seed) == (0.01, 7)
    np.testing.assert_array_equal(found.images, images().numpy())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dataset", 3),
        ("dataset", ""),
        ("licence", None),
        ("bits", "4"),
        ("bits", 0),
        ("bits", True),
        ("geometry", [1, 4]),
        ("geometry", [1, 4, 0]),
        ("geometry", [1, 4.0, 4]),
        ("geometry", [2**12, 2**12, 2**12]),
        ("latent", -1),
        ("measurements", 2.5),
        ("sparsity", 7),
        ("sparsity", 0),
        ("step_size", 0),
        ("step_size", "fast"),
        ("step_size", float("nan")),
        ("step_size", float("inf")),
        ("seed", -1),
        *((name, ...) for name in ("dataset", "licence", "bits", "latent", "sparsity", "seed")),
    ],
)
def test_a_wrong_field_is_named(run: Path, name: str, value: Any) -> None:
    write_record(run, **{name: value})
    with pytest.raises(RunRecordError, match=name):
        read_run(run)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "[" * 100_000, '{"bits": 4', "\x00", '"\\ud800"']
)
def test_a_record_that_is_not_json_is_refused(run: Path, text: str) -> None:
    (run / "run.json").write_text(text)
    with pytest.raises(RunRecordError, match=r"run\.json"):
        read_run(run)


@pytest.mark.parametrize(
    "array",
    [
        images().numpy().astype(np.float64),
        images().numpy()[:, :, :3],
        images().numpy()[0],
        images().numpy()[:0],
        images().numpy() * 2,
        images().numpy() - 0.5,
        np.full((4, *GEOMETRY), np.nan, np.float32),
        np.zeros((image_files.MAX_IMAGES + 1, *GEOMETRY), np.float32),
    ],
)
def test_wrong_images_are_refused(run: Path, array: np.ndarray) -> None:
    write_samples(run, array)
    with pytest.raises(RunRecordError, match=r"images float32 \[N, 1, 4, 4\]"):
        read_run(run)


def test_samples_without_images_are_refused(run: Path) -> None:
    write_samples(run, images().numpy(), name="pictures")
    with pytest.raises(RunRecordError, match="unreadable"):
        read_run(run)


def test_a_pickle_among_the_samples_is_never_opened(run: Path) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, images=np.array([{"a": 1}], dtype=object))
    (run / "samples.npz").write_bytes(buffer.getvalue())
    with pytest.raises(RunRecordError, match="unreadable"):
        read_run(run)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(run: Path) -> None:
    with zipfile.ZipFile(run / "samples.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", b"\0" * (image_files.MAX_ARCHIVE_BYTES + 1))
    assert (run / "samples.npz").stat().st_size < 2**20
    with pytest.raises(RunRecordError, match="bytes of images"):
        read_run(run)


def test_damaged_samples_are_refused_at_any_length_and_bit(run: Path) -> None:
    data = (run / "samples.npz").read_bytes()
    for length in range(0, len(data), 7):
        (run / "samples.npz").write_bytes(data[:length])
        with pytest.raises(RunRecordError):
            read_run(run)
    rng = np.random.default_rng(0)
    for _ in range(300):
        flipped = bytearray(data)
        flipped[rng.integers(len(data))] ^= 1 << rng.integers(8)
        (run / "samples.npz").write_bytes(flipped)
        try:
            read_run(run)
        except RunRecordError:
            continue


def test_a_record_without_projection_and_kind_is_an_older_one(run: Path) -> None:
    found = read_run(run)
    assert (found.projection, found.measurement_kind) == ("none", None)


def test_projection_and_kind_are_read(run: Path) -> None:
    write_record(run, projection="unit-sphere", measurement_kind="gaussian")
    found = read_run(run)
    assert (found.projection, found.measurement_kind) == ("unit-sphere", "gaussian")


@pytest.mark.parametrize("field", ["projection", "measurement_kind"])
def test_a_projection_or_kind_that_is_no_such_thing_is_refused(run: Path, field: str) -> None:
    write_record(run, **{field: 3})
    with pytest.raises(RunRecordError, match=field):
        read_run(run)
