"""What a calibration by a known target gains on another acquisition, real readings.

    BITPRIOR_DATA=... python benchmarks/camera_calibration.py

The camera is calibrated on one acquisition with its reference as the known target, and the other
acquisition is recovered with it: pots at the usual and the longer exposure (the same scene), the
car hologram with another phase (the same car), both directions. PSNR after the gray fit, dB.
"""

import argparse
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
from camera_acquisitions import Shot, hadamard_shot, noise_of_highest
from tables import machine

from bitprior_runtime import load
from bitprior_runtime.camera.calibration import by_target
from bitprior_runtime.camera.recovering import CameraRecoverer, as_recovered
from bitprior_runtime.files import write_atomically
from bitprior_runtime.images.likeness import affine_psnr
from bitprior_runtime.sensing.hadamard import order_of

RATIO = 0.25
METHODS = ("tikhonov", "prior")


def pots(data, name):
    """Return a shot of the pots, lowest sequencies first, and the photograph."""
    archive = np.load(data / "pots_hadamard.npz")
    shown = order_of("sequency-columns", (64, 64))
    y = np.empty(4096)
    y[shown] = archive[name].ravel()
    broken = set(shown[[0, 61, 62, 63, 4093, 4094, 4095]].tolist())
    noise = noise_of_highest(y, (64, 64), broken)
    shot = hadamard_shot(name, (64, 64), order_of("sequency", (64, 64)), y, broken, noise)
    return shot, archive["reference_photo_registered"].astype(np.float32) / 255


def hologram(data, name, roi):
    """Return a shot of a hologram, lowest sequencies first, and its reference."""
    archive = np.load(data / f"{name}.npz")
    y = archive["y"][archive["roi"].tolist().index(roi)].astype(np.float64)
    noise = noise_of_highest(y, (32, 32), {0})
    shot = hadamard_shot(name, (32, 32), order_of("sequency", (32, 32)), y, {0}, noise)
    return shot, archive["reference_intensity"].astype(np.float32) / 255


def picture(model, shot: Shot, work: Path, method, target):
    """Recover a shot from the first quarter of its patterns, and its target from as many."""
    camera = replace(shot, folder=f"calibration-{shot.folder}").written(work)
    recoverer = CameraRecoverer(model, camera, threads=1)
    found = recoverer.recover(shot.arrays["y"], method, share=RATIO)
    return found.image[0, 0], as_recovered(recoverer, target, found)[0, 0]


def main():
    """Calibrate on one, recover the other, and back."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("results/camera-calibration.json"))
    options = parser.parse_args()
    data = Path(os.environ["BITPRIOR_DATA"]) / "acquisitions"
    model = load("photo-4bit")
    pairs = [("pots", pots(data, "y_deg0"), pots(data, "y_deg0_25ms"))]
    for roi in (257, 25):
        two = [hologram(data, f"hologram_car_{name}", roi) for name in ("boat", "half")]
        pairs.append((f"hologram car, roi {roi}", *two))
    rows = []
    for name, one, two in pairs:
        for method in METHODS:
            both = [picture(model, shot, options.work, method, at) for shot, at in (one, two)]
            found = [picture for picture, _ in both]
            for here, there in ((0, 1), (1, 0)):
                target, reference = (one, two)[here][1], (one, two)[there][1]
                fitted = by_target([found[here]], both[here][1])
                before = affine_psnr(found[there], reference)
                after = affine_psnr(fitted.applied(found[there]), reference)
                itself = affine_psnr(fitted.applied(found[here]), target)
                rows.append({
                    "acquisitions": name, "method": method,
                    "calibrated_on": (one, two)[here][0].folder,
                    "tested_on": (one, two)[there][0].folder,
                    "ratio": RATIO, "before": before, "after": after, "gain": after - before,
                    "gain_in_blocks_not_fitted": 20 * float(np.log10(fitted.gained)),
                    "target_before": affine_psnr(found[here], target), "target_after": itself,
                })  # fmt: skip
                print(json.dumps(rows[-1]), flush=True)
    result = {
        "kind": "bitprior camera calibration",
        "command": "python benchmarks/camera_calibration.py --work WORK",
        "machine": machine(),
        "rows": rows,
    }
    write_atomically(options.out, (json.dumps(result, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
