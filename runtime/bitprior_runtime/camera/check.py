"""How readings and patterns belong together, looked at before any recovery.

Every way is judged by the explained share of :mod:`bitprior_runtime.camera.evidence`: how well the
readings predict each other if that way is right. No picture and no reference is used.
"""

from dataclasses import replace

import numpy as np

from bitprior_runtime.camera.advice import Advice, of_nothing, of_symptoms, of_way
from bitprior_runtime.camera.camera_file import Camera
from bitprior_runtime.camera.closer_look import CloserLook
from bitprior_runtime.camera.detector import Detector
from bitprior_runtime.camera.findings import Check
from bitprior_runtime.camera.readings import Readings
from bitprior_runtime.camera.symptoms import Symptom, symptoms_of
from bitprior_runtime.camera.ways import Ways, compare_ways
from bitprior_runtime.sensing.covariance import Covariance

# Below this share, or these nats, patterns explain nothing.
NOTHING, _NO_EVIDENCE = 0.01, 6.0


def check_camera(
    camera: Camera, readings: Readings, covariance: Covariance, seed: int = 0
) -> Check:
    """Look at readings with a camera file.

    Args:
        camera: As written.
        readings: One row; its values are not changed.
        covariance: Of photos.
        seed: Of the patterns that are looked at, where there are many.

    Raises:
        MissingFileError: A file of the operator cannot be read.
        UsageError: An operator that does not serve, or too few readings.
    """
    values, order = readings.values, readings.order
    symptoms = symptoms_of(values, readings.table)
    quiet = _quieted(camera.detector, symptoms)
    ways = compare_ways(camera, quiet, values, covariance, order, seed)
    trimmed = replace(quiet, outliers="trimmed")
    if _is_nothing(ways) and not np.array_equal(trimmed.usable(values), quiet.usable(values)):
        # A few wild readings can hide all others.
        again = compare_ways(camera, trimmed, values, covariance, order, seed)
        if not _is_nothing(again):
            ways, quiet = again, trimmed
    fixed = replace(
        ways.best.candidate.camera,
        detector=replace(quiet, pairs=ways.best.pairs, lag=ways.best.lag),
    )
    operator = fixed.build(order)
    corrected = fixed.detector.corrected(values, operator.size)
    check = Check(
        camera, fixed, len(values), operator.size, ways, symptoms, corrected, readings.notes
    )
    check.advice += of_symptoms(camera.detector, symptoms)
    if _is_nothing(ways):
        check.fixed = camera
        check.advice.append(of_nothing(ways))
        return check
    if quiet.outliers != camera.detector.outliers:
        count = int(np.sum(camera.detector.usable(values) & ~quiet.usable(values)))
        text = f'outliers = "trimmed": {count} readings far from those near them hide all others'
        check.advice.append(Advice(text, "outliers"))
    check.advice += of_way(camera, ways)
    CloserLook(check, operator, readings, covariance, seed).run()
    return check


def _is_nothing(ways: Ways) -> bool:
    return ways.best.share < NOTHING or ways.best.evidence < _NO_EVIDENCE


def _quieted(detector: Detector, symptoms: tuple[Symptom, ...]) -> Detector:
    """Return the detector without the readings that say nothing by themselves."""
    out = set(detector.leave_out)
    for symptom in symptoms:
        if symptom.leave_out and symptom.kind not in ("missing", "saturated"):
            out.update(symptom.readings)
    return replace(
        detector, leave_out=tuple(sorted(out)), saturation=_saturation(detector, symptoms)
    )


def _saturation(detector: Detector, symptoms: tuple[Symptom, ...]) -> float | None:
    tops = [s.level for s in symptoms if s.kind == "saturated" and s.level is not None]
    return detector.saturation if detector.saturation is not None or not tops else tops[0]
