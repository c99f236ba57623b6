"""What benchmarks/cameras.py measures with: acquisitions, subsets, twins; files that resume it."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


def script(name):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def scripts():
    names = ("tables", "camera_acquisitions", "cameras")
    yield {name: script(name) for name in names}
    for name in names:
        del sys.modules[name]


@pytest.fixture
def data(tmp_path):
    """An acquisition like dmd_random_m76, of readings without noise."""
    random = np.random.default_rng(0)
    bits = random.integers(0, 2, (24 * 90 + 1, 180), np.uint8)
    scene = random.random(180)
    y = np.append(5.0, (1 - bits.astype(np.float64)) @ scene)
    arrays = {"y": y, "patterns_packed": np.packbits(bits, axis=1)}
    np.savez(tmp_path / "dmd_random_m76.npz", **arrays, reference_lsq=scene.reshape(15, 12))
    return tmp_path


def test_subsets_are_disjoint_and_their_readings_those_of_the_complements(scripts, data, tmp_path):
    cases = scripts["camera_acquisitions"].random_bits(data)
    assert [case.patterns for case in cases] == [45, 90]
    for case in cases:
        scene = case.reference[np.newaxis, np.newaxis]
        for shot in case.shots[:3]:
            camera = shot.written(tmp_path / "work")
            values = camera.read().values
            found = camera.detector.corrected(values, case.patterns)
            assert np.allclose(found.y, camera.build().forward(scene)[0], atol=1e-3)
    first, second = (shot.arrays["patterns"] for shot in cases[0].shots[:2])
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("simulated", ["gaussian", "poisson-1000"])
def test_a_twin_has_the_operator_and_the_noise_it_says(scripts, data, tmp_path, simulated):
    module = scripts["camera_acquisitions"]
    case = module.random_bits(data)[1]
    twin = module.twin(case, simulated)
    assert twin.reference.max() == 1
    left = []
    for shot in twin.shots[:8]:
        camera = shot.written(tmp_path / "work")
        seen = camera.build().forward(twin.reference[np.newaxis, np.newaxis])[0]
        corrected = camera.detector.corrected(shot.arrays["y"], case.patterns)
        gain = float(seen[corrected.used] @ corrected.y) / float(seen @ seen)
        left.append((corrected.y - gain * seen) / corrected.sigma)
    assert np.std(left) == pytest.approx(1, abs=0.15)


def test_a_registered_picture_lies_where_the_map_says(scripts):
    picture = np.random.default_rng(0).random((12, 12)).astype(np.float32)
    moved, inside = scripts["camera_acquisitions"].registered(
        picture, np.array([[1.0, 0, 2], [0, 1.0, -1]])
    )
    assert np.allclose(moved[:-1, 2:], picture[1:, :-2], atol=1e-6)
    assert inside[:-1, 2:].all()
    assert not inside[-1].any()
    assert not inside[:, :2].any()


def test_rows_that_are_there_are_not_made_again(scripts, data, tmp_path):
    module = scripts["cameras"]
    case = scripts["camera_acquisitions"].random_bits(data)[0]
    methods = [method for method in module.METHODS if method.method == "pseudo-inverse"]
    out = tmp_path / "cameras.json"
    bench = module.Bench(tmp_path / "work", out)
    (row,) = bench.run(case, methods, "")
    assert row["shots"] == 24
    assert row["readings"] == 45
    bench.write("command")
    assert json.loads(out.read_text())["kind"] == module.KIND
    again = module.Bench(tmp_path / "work", out)
    assert not list(again.run(case, methods, ""))
    assert len(list(again.run(case, methods, "pseudo"))) == 1
