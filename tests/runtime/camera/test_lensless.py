"""A lensless camera: pictures through a point spread function, simulated, and a real capture."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from bitprior_runtime import load
from bitprior_runtime.camera.camera_file import Camera
from bitprior_runtime.camera.detector import Detector
from bitprior_runtime.camera.recovering import CameraRecoverer
from bitprior_runtime.images.likeness import affine_psnr
from bitprior_train.photo.leaves import dead_leaves

CAPTURE = "acquisitions/diffusercam_hand.npz"


@pytest.fixture(scope="module")
def model():
    return load("photo-4bit")


def spread(folder, psf, y, frame, sensor, detector):
    np.savez(folder / "lensless.npz", psf=psf, y=y.ravel())
    height, width = sensor
    operator = f"convolution:psf=lensless.npz#psf,sensor={height}x{width}"
    return Camera(operator, frame, detector, folder=folder)


def test_a_scene_comes_back_through_a_point_spread_function(model, tmp_path):
    drawn = cv2.resize(dead_leaves(1, 64, 5)[0].astype(np.float32) / 255, (24, 24))
    scene = np.zeros((32, 32), np.float32)
    scene[4:28, 4:28] = drawn
    random = np.random.default_rng(0)
    psf = (random.random((32, 32)) > 0.97).astype(np.float32)
    psf = cv2.GaussianBlur(psf, (0, 0), 0.7)
    psf /= psf.sum()
    detector = Detector(offset=50.0)
    camera = spread(tmp_path, psf, np.zeros(1), (32, 32), (28, 28), detector)
    y = 2000 * camera.build().forward(scene[None, None])[0].astype(np.float64) + 50
    recoverer = CameraRecoverer(model, camera)
    problem = recoverer.problem(y + random.standard_normal(y.shape))
    assert problem.level_known
    psnr = {
        method: affine_psnr(recoverer.recover(problem, method).image[0, 0], scene)
        for method in ("pseudo-inverse", "tikhonov", "prior")
    }
    assert psnr["prior"] > 20
    assert psnr["prior"] > psnr["pseudo-inverse"] + 1


def test_a_real_capture_is_explained_by_its_point_spread_function(model, tmp_path):
    data = os.environ.get("BITPRIOR_DATA")
    if data is None or not (Path(data) / CAPTURE).is_file():
        pytest.skip(f"needs BITPRIOR_DATA with {CAPTURE}")
    archive = np.load(Path(data) / CAPTURE)

    def binned(picture):
        values = picture.astype(np.float32)
        values[0, 0] = values[0, 1]  # the first pixels are garbage
        return values[:288, :400].reshape(18, 16, 25, 16).mean((1, 3))

    psf = np.maximum(binned(archive["psf"]) - float(archive["dark_psf"]), 0)
    y = binned(archive["y"])
    # The dark level is found with the picture: stray light makes it another one in each corner.
    camera = spread(tmp_path, psf / psf.sum(), y, (22, 31), (18, 25), Detector())
    recoverer = CameraRecoverer(model, camera, mirrors=False)
    found = recoverer.recover(y.ravel().astype(np.float64))
    assert found.held_out > 0.9
    assert found.explained > 0.9
    assert found.image.max() <= 1
