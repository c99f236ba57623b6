"""Calibration of a camera: what a smooth gain, an offset and a gray curve did is taken back."""

import json

import cv2
import numpy as np
import pytest

from bitprior_runtime.camera.calibration import (
    LEAST_SCENES,
    Calibration,
    by_flat_field,
    by_scenes,
    by_target,
    cosines,
    read_calibration,
    write_calibration,
)
from bitprior_runtime.camera.camera_file import read_camera
from bitprior_runtime.camera.recovering import recover_readings
from bitprior_runtime.cli.main import run
from bitprior_runtime.errors import UsageError
from bitprior_runtime.images import encode_png
from bitprior_runtime.images.likeness import affine_psnr
from bitprior_train.photo.leaves import dead_leaves

FRAME = (32, 48)


def scenes(count, seed=5, frame=FRAME):
    drawn = dead_leaves(count, 64, seed).astype(np.float32) / 255
    return [cv2.resize(one, frame[::-1], interpolation=cv2.INTER_AREA) for one in drawn]


def fields(frame=FRAME):
    """A gain of 0.4 to 1.6 and an offset that a camera may have."""
    waves = cosines(*frame)
    return 1 + 0.4 * waves[1] - 0.2 * waves[4], 0.2 * waves[2] + 0.1 * waves[5]


def seen(scene):
    gain, offset = fields(scene.shape)
    linear = gain * scene + offset
    return (30 + 4 * (linear + 0.3 * linear**2)).astype(np.float32)


def test_a_target_calibrates_the_camera_for_another_scene():
    target, other = scenes(2)
    found = by_target([seen(target)], target)
    assert found.gained > 1.5
    before, after = affine_psnr(seen(other), other), affine_psnr(found.applied(seen(other)), other)
    assert after > before + 3


def test_a_camera_without_faults_is_left_alone():
    target, other = scenes(2)
    noise = 0.1 * np.random.default_rng(0).standard_normal((2, *FRAME)).astype(np.float32)
    found = by_target([target + noise[0]], target)
    changed = affine_psnr(found.applied(other + noise[1]), other)
    assert changed > affine_psnr(other + noise[1], other) - 0.1


def test_corrected_pictures_keep_mean_and_deviation():
    target, other = scenes(2)
    picture = seen(other)
    stack = np.stack([picture, 2 * picture])[:, np.newaxis]
    found = by_target([seen(target)], target).applied(stack)
    assert found.shape == stack.shape
    assert np.allclose(found.mean((1, 2, 3)), stack.mean((1, 2, 3)), rtol=1e-4)
    assert np.allclose(found.std((1, 2, 3)), stack.std((1, 2, 3)), rtol=1e-4)
    assert np.allclose(2 * found[0], found[1], rtol=1e-4)


def test_a_flat_field_takes_its_own_gain_away():
    gain, _ = fields()
    (other,) = scenes(1)
    found = by_flat_field([(0.7 * gain).astype(np.float32)])
    corrected = found.applied((gain * other).astype(np.float32))
    ratio = corrected / other
    assert ratio.std() < 0.1 * (gain / gain.mean()).std() * ratio.mean()


def test_many_scenes_say_the_gain_without_a_target():
    gain, _ = fields()
    many = [(gain * one).astype(np.float32) for one in scenes(40, 9)]
    (other,) = scenes(1, 3)
    found = by_scenes(many)
    before = affine_psnr((gain * other).astype(np.float32), other)
    assert affine_psnr(found.applied((gain * other).astype(np.float32)), other) > before + 1


def test_what_does_not_serve_is_refused():
    target = scenes(1)[0]
    with pytest.raises(UsageError, match="not flat"):
        by_target([target], np.ones_like(target))
    with pytest.raises(UsageError, match="32x48 pixels"):
        by_target([target], target[:8, :8])
    with pytest.raises(UsageError, match=f"at least {LEAST_SCENES} scenes"):
        by_scenes([target] * (LEAST_SCENES - 1))
    with pytest.raises(UsageError, match="bright everywhere"):
        by_flat_field([target - 2])


def test_a_calibration_comes_back_as_it_was_written(tmp_path):
    target = scenes(1)[0]
    fitted = by_target([seen(target)], target)
    write_calibration(tmp_path / "c.npz", fitted)
    again = read_calibration(tmp_path / "c.npz")
    assert np.array_equal(again.applied(target), fitted.applied(target))
    np.savez(tmp_path / "other.npz", gain=np.ones(3))
    with pytest.raises(UsageError, match="calibration in"):
        read_calibration(tmp_path / "other.npz")
    bad = Calibration(np.full((4, 4), np.nan), fitted.offset, fitted.curve, 0.0, True)
    write_calibration(tmp_path / "nan.npz", bad)
    with pytest.raises(UsageError, match="calibration in"):
        read_calibration(tmp_path / "nan.npz")


def test_the_command_calibrates_and_the_camera_file_applies_it(tmp_path, capsys):
    frame = (32, 32)
    target, other = scenes(2, frame=frame)
    text = 'operator = "hadamard:order=sequency,m=400"\nframe = "32x32"\n'
    detector = '[detector]\npairs = "differenced"\n'
    (tmp_path / "camera.toml").write_text(text + detector)
    (tmp_path / "with.toml").write_text(text + 'calibration = "cal.npz"\n' + detector)
    operator = read_camera(tmp_path / "camera.toml").build()
    for name, scene in (("target", target), ("other", other)):
        np.save(tmp_path / f"{name}.npy", operator.forward(seen(scene)[None, None])[0])
    (tmp_path / "target.png").write_bytes(encode_png(target[np.newaxis]))
    paths = [
        str(tmp_path / name) for name in ("camera.toml", "target.npy", "target.png", "cal.npz")
    ]
    words = [paths[0], paths[1], "--target", paths[2], "--out", paths[3], "--method", "tikhonov"]
    assert run(["camera", "calibrate", *words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["gained_db"] > 1
    from bitprior_runtime import load

    model = load("photo-4bit")
    psnr = []
    for name in ("camera.toml", "with.toml"):
        camera = read_camera(tmp_path / name)
        found = recover_readings(model, camera, np.load(tmp_path / "other.npy"), "tikhonov")
        psnr.append(affine_psnr(found.image[0, 0], other))
    assert psnr[1] > psnr[0] + 1
    words[0] = str(tmp_path / "with.toml")
    assert run(["camera", "calibrate", *words]) == 2
    assert "without a calibration" in capsys.readouterr().err
    assert run(["camera", "calibrate", *words, "--flat"]) == 2
