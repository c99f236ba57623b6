"""Camera files, and readings in every kind of file that people have."""

import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks.fuzz.arrays import npy, npz, strange_values
from attacks.fuzz.bundles import ENGINES, NAME
from attacks.fuzz.operators import FRAMES, matrix, operator_text
from attacks.fuzz.seeds import seeds
from attacks.fuzz.tries import Tries
from bitprior_runtime.camera import read_camera, to_toml
from bitprior_runtime.camera.calibration import read_calibration
from bitprior_runtime.camera.check import check_camera
from bitprior_runtime.camera.detector import NOISES, PAIRS, SIGNS, detector_keys
from bitprior_runtime.camera.drift import DRIFTS
from bitprior_runtime.camera.readings import Readings
from bitprior_runtime.camera.recovering import ALL_METHODS, CameraRecoverer
from bitprior_runtime.camera.report import describe, figures
from bitprior_runtime.camera.robust import OUTLIERS
from bitprior_runtime.camera.view import VIEWS
from bitprior_runtime.json_text import to_json
from bitprior_runtime.model import load
from bitprior_runtime.sensing.hadamard import Hadamard

TOML = "camera.toml"
_FILES = ("r.npy", "r.npz", "r.csv", "r.txt", "r.mat", "r_spectraldata.npz", "gone.npy", ".", "")
_WORDS = ("none", "unknown", "", "nan", *PAIRS, *NOISES, *SIGNS, *DRIFTS, *OUTLIERS)
_NUMBERS = ("0", "1", "-1", "2", "8", "9", "63", "64", "128", "0.5", "-0.0", "1e-300", "1e300",
            "1e38", "nan", "inf", "-inf", "true", "9223372036854775807", "99999999999999999999",
            "0x7f", "[]", "{}", "[1, 2]", '["0-3", 7]', '["0-999999999"]')  # fmt: skip
_JUNK = ("", "=", "[", "[detector", "operator", "a = " + "[" * 3000, "\x00", "\ufeff",
         "[[readings]]", "detector = 1", "readings = 'x'")  # fmt: skip
_PIXELS = 2**10


def made(rng: random.Random) -> tuple[str, dict[str, bytes], Callable[[Path], Tries]]:
    """Return the file of the readings, all files, and what is done with them."""
    values = readings(rng)
    member, stack = npy(values, rng), npy(matrix(rng), rng)
    kind = rng.choice(_FILES[:6]) if rng.random() < 0.9 else rng.choice(_FILES)
    file = {
        "r.npy": member,
        "r.npz": npz({"y": member}, rng),
        "r.csv": text(rng, values),
        "r.txt": text(rng, values),
        "r.mat": matlab(rng, values),
        "r_spectraldata.npz": npz({"spectral_data": member}, rng),
    }
    files = {
        TOML: toml(rng, kind).encode("utf-8", "surrogatepass"),
        **({kind: file[kind]} if kind in file else {}),
        "r_metadata.json": spas(rng),
        "m.npy": stack,
        "m.npz": npz({"A": stack, "B": member}, rng),
        "c.npz": calibration(rng),
        NAME: seeds()["photo-4"],
    }
    seed = rng.randrange(2**32)
    return kind, files, lambda folder: attempt(folder, seed)


def readings(rng: random.Random) -> NDArray[Any]:
    """Return readings of 64 Hadamard patterns or their pairs, as they should be or strange."""
    scene = np.random.default_rng(rng.randrange(2**32)).random((1, 1, 8, 8), np.float32)
    y = Hadamard((8, 8)).forward(scene)[0].astype(np.float64)
    if rng.random() < 0.4:
        y = np.stack([y, -y], axis=1).ravel() + 40
    y = y * rng.choice((1.0, 1.0, 1e-3, -5.0, 1e30, 1e-30, 0.0)) + rng.choice((0.0, 0.0, 3.0, 1e9))
    change = rng.random()
    if change < 0.3:
        return strange_values(rng, rng.choice(((64,), (128,), (1, 64), (2, 64), (64, 3), (8, 8))))
    if change < 0.5:
        y[rng.randrange(len(y))] = rng.choice((np.nan, np.inf, -np.inf, 1e300, 1e38, 0.0))
    if change < 0.6:
        y = y[: rng.randrange(len(y))]
    if change < 0.7:
        y = np.concatenate([y, y[: rng.randint(0, 9)]])
    return rng.choice((y, y, y, y[np.newaxis], np.stack([y, y]), y[:, np.newaxis]))


def toml(rng: random.Random, file: str) -> str:
    """Return a camera file, most of it right."""
    operator = "hadamard:m=64" if rng.random() < 0.6 else operator_text(rng)
    frame = "8x8" if rng.random() < 0.9 else rng.choice(FRAMES)
    lines = [f"operator = {quoted(operator)}", f"frame = {quoted(frame)}"]
    if rng.random() < 0.2:
        lines.append(f"view = {quoted(rng.choice((*VIEWS, 'upside-down')))}")
    if rng.random() < 0.1:
        lines.append(f"calibration = {quoted(rng.choice(('c.npz', 'gone.npz', 'm.npy')))}")
    if rng.random() < 0.05:
        lines.append(f"{rng.choice(('units', 'frame', 'nosuch'))} = {value(rng)}")
    lines += ["[readings]", f"file = {quoted(file)}"]
    if rng.random() < 0.1:
        lines.append(f"{rng.choice(('key', 'row', 'column'))} = {value(rng)}")
    if rng.random() < 0.6:
        lines.append("[detector]")
        keys = rng.sample(list(detector_keys()), rng.randint(1, 2))
        lines += [
            f"{key} = {value(rng) if rng.random() < 0.2 else usual(rng, key)}" for key in keys
        ]
    if rng.random() < 0.05:
        lines.insert(rng.randrange(len(lines) + 1), rng.choice(_JUNK))
    return "\n".join(lines)


def usual(rng: random.Random, key: str) -> str:
    """Return a value of the kind that a key of a detector takes."""
    words = {"pairs": PAIRS, "noise": NOISES, "gain_sign": SIGNS, "drift": DRIFTS}
    words["outliers"] = OUTLIERS
    if key in words:
        return quoted(rng.choice(words[key]))
    if key in ("lag", "polarity", "drift_order", "drift_window"):
        return rng.choice(("1", "-1", "2", "3", "8", "101"))
    return rng.choice(("0.5", "1.0", "2.0", "100.0"))


def value(rng: random.Random) -> str:
    """Return any value of TOML, or nearly."""
    return rng.choice((rng.choice(_NUMBERS), quoted(rng.choice(_WORDS))))


def quoted(text: str) -> str:
    """Return a TOML string."""
    return json.dumps(text)


def text(rng: random.Random, values: NDArray[Any]) -> bytes:
    """Return readings as a text file, whole or not."""
    table = np.atleast_2d(np.asarray(values).real) if values.ndim < 3 else np.zeros((1, 1))
    mark = rng.choice((",", ";", "\t", " "))
    rows = [mark.join(map(repr, row)) for row in table.T.tolist()]
    if rng.random() < 0.3:
        junk = (
            "name",
            "# note",
            "",
            "1,2,3",
            "nan",
            "inf",
            "1e999",
            "--",
            "\x00",
            "9" * 5000,
            "1_0",
        )
        rows.insert(rng.randrange(len(rows) + 1), rng.choice(junk))
    data = "\n".join(rows).encode()
    return data + rng.choice((b"", b"", b"\n", b"\xff\xfe"))


def matlab(rng: random.Random, values: NDArray[Any]) -> bytes:
    """Return a MATLAB file of version 5, whole or not; empty without scipy."""
    try:
        from scipy.io import savemat
    except ImportError:
        return b""
    file = io.BytesIO()
    kept = values if values.dtype.itemsize <= 16 and values.dtype.kind in "fiub" else values.real
    savemat(file, {"y": kept.astype(np.float64)}, do_compression=rng.random() < 0.5)
    data = bytearray(file.getvalue())
    if rng.random() < 0.3:
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data[: rng.choice((len(data), len(data), len(data), rng.randrange(len(data))))])


def spas(rng: random.Random) -> bytes:
    """Return metadata of SPAS, most of them right."""
    numbers: Any = list(range(128))
    change = rng.random()
    if change < 0.5:
        numbers = rng.choice(
            ("[0, 1, np.int32(2)]", [], [0], [0.5, 1], ["x"], None, "9" * 5000, [10**30, 1],
             [2**63 - 1, -(2**63)], [0, 1] * 64, numbers[::-1])
        )  # fmt: skip
    found = json.dumps([{"patterns": numbers}])
    return rng.choice((found, found, found, "[", "[" * 3000, "{}", "\ufeff[]")).encode()


def calibration(rng: random.Random) -> bytes:
    """Return a calibration, right or strange."""
    fields = {"gain": (4, 4), "offset": (4, 4), "curve": (2,), "left": ()}
    members = {
        name: npy(strange_values(rng, shape) if rng.random() < 0.3 else np.ones(shape), rng)
        for name, shape in fields.items()
    }
    return npz({**members, "relative": npy(np.array(True), random.Random(3))}, rng)


def attempt(folder: Path, seed: int) -> Tries:
    """Read the camera and its readings, check them, and recover with a prior and without."""
    tries, rng = Tries(), random.Random(seed)
    tries.go("read_calibration", lambda: read_calibration(folder / "c.npz"))
    camera = tries.go("read_camera", lambda: read_camera(folder / TOML))
    if camera is None:
        return tries
    written = tries.go("to_toml", lambda: to_toml(camera))
    if written is not None:
        (folder / "again.toml").write_text(written, "utf-8", "surrogatepass")
        tries.go("what was written", lambda: read_camera(folder / "again.toml"))
    found: Readings | None = tries.go("read", camera.read)
    if found is None or camera.frame[0] * camera.frame[1] > _PIXELS:
        return tries
    tries.loaded = True
    model = load(folder / NAME)
    assert model.bundle.search is not None
    covariance = model.bundle.search.covariance
    checked = tries.go("check", lambda: check_camera(camera, found, covariance))
    if checked is not None:
        tries.go("report", lambda: (describe(checked), to_json(figures(checked))))
    engine, kernel = rng.choice(ENGINES)
    options: dict[str, Any] = {"engine": engine, "kernel": kernel, "threads": 1, "steps": 2}
    recoverer = tries.go(
        "recoverer", lambda: CameraRecoverer(model, camera, found.order, **options)
    )
    if recoverer is None:
        return tries
    for method in rng.sample(ALL_METHODS, 2):
        whole, share = rng.random() < 0.5, rng.choice((1.0, 1.0, 0.5, 1e-9, 0.0, 2.0))
        picture = tries.go(
            f"{method} on {engine}/{kernel}",
            lambda m=method, n=whole, s=share: recoverer.recover(
                found.values, m, share=s, nonnegative=n
            ),
        )
        tries.finite(f"{method} on {engine}/{kernel}", None if picture is None else picture.image)
    return tries
