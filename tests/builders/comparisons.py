"""Comparisons as ``bitprior compare-methods`` writes them, without the comparing."""

import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from builders.results import write

IMAGES = 12
N = 12288
MS = (100, 600, 2000, 6000)
# PSNR at the lowest m and what ten times as many measurements add: the paper's orderings.
QUALITY = {
    "GS": (17.0, 8.0),
    "CSGM": (15.5, 1.5),
    "Untrained GS": (12.0, 5.0),
    "ILO": (17.5, 8.0),
    "Lasso-DCT": (13.0, 7.0),
    "IAGAN": (20.0, 8.2),
    "Deep Decoder": (17.8, 7.1),
    "mGANprior": (16.0, 6.0),
    "Cut before training": (9.0, 1.0),
}
VARIABLES = {
    "GS": 8192, "CSGM": 100, "Untrained GS": 8192, "ILO": 8192, "Lasso-DCT": N, "IAGAN": 900000,
    "Deep Decoder": 8407, "mGANprior": 2280, "Cut before training": 8192,
}  # fmt: skip
WITHOUT_PRIOR = {"Lasso-DCT", "Deep Decoder"}


def values(mean: float, seed: int, images: int = IMAGES) -> list[float]:
    """PSNR of each image: the same images are hard for every method."""
    hard = np.random.default_rng(0).normal(0, 2, images)
    own = np.random.default_rng(seed + 1).normal(0, 0.2, images)
    return [round(float(each), 3) for each in mean + hard - hard.mean() + own - own.mean()]


def quality(each: list[float]) -> dict[str, Any]:
    """PSNR with its mean and standard deviation."""
    deviation = float(np.std(each, ddof=1)) if len(each) > 1 else 0.0
    return {"mean": round(float(np.mean(each)), 3), "sd": round(deviation, 3), "values": each}


def trial(
    method: str = "GS",
    m: int = 600,
    psnr: float | None = None,
    images: int = IMAGES,
    **changed: Any,
) -> dict[str, Any]:
    """One row; ``changed`` replaces its fields."""
    low, slope = QUALITY[method]
    mean = low + slope * math.log10(m / MS[0]) if psnr is None else psnr
    prior: dict[str, Any] = {
        "prior": "dcgan",
        "prior_run": "gs-dcgan-32bit",
        "bits": 32,
        "filters": 32,
        "cut": 0 if method in ("CSGM", "IAGAN") else 1,
        "init": "clamped-normal",
    }
    return {
        "method": method,
        **(dict.fromkeys(prior) if method in WITHOUT_PRIOR else prior),
        "operator": f"gaussian:m={m},seed=0",
        "m": m,
        "n": N,
        "images": images,
        "psnr": quality(values(mean, list(QUALITY).index(method) * 1000 + m, images)),
        "loss": 0.001,
        "variables": VARIABLES[method],
        "restarts": 3,
        "seconds": 12.5,
        "settings": {"solver": "lbfgs", "lr": 0.1, "steps": 25},
        **changed,
    }


def comparison(*rows: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """One comparison; without rows, of every method at every m."""
    every = [trial(method, m) for method in QUALITY for m in MS]
    return {
        "kind": "bitprior comparison",
        "experiment": "gaussian",
        "dataset": "celeba64",
        "part": f"test, first {IMAGES} images",
        "split_hash": "f" * 64,
        "command": "bitprior compare-methods celeba64 --prior runs/gs-dcgan-32bit",
        "seed": 0,
        "machine": "x86_64 Linux, 2 cores",
        "commit": "0123456789ab",
        "rows": list(rows) or every,
        **changed,
    }


def pictures(rows: int, count: int = 4, side: int = 64, **changed: Any) -> bytes:
    """Images beside a comparison; arrays in ``changed`` replace those of that name."""
    across = np.linspace(0, 255, side)
    face = np.stack(
        [np.add.outer(across, across) / 2 % 256, *np.broadcast_to(across, (2, side, side))]
    )
    original = np.stack([np.roll(face, 9 * index, axis=2) for index in range(count)]).astype(
        np.uint8
    )
    rng = np.random.default_rng(0)
    arrays: dict[str, Any] = {"original": original}
    for index in range(rows):
        noisy = original + rng.normal(0, 6, original.shape)
        arrays[f"row_{index}"] = noisy.clip(0, 255).astype(np.uint8)
    file = io.BytesIO()
    np.savez_compressed(file, **(arrays | changed))
    return file.getvalue()


def raw(dataset: str, whole: float, cut: float, **changed: Any) -> dict[str, Any]:
    """Raw reconstruction of a data set with and without surgery."""
    known = {"operator": "identity"}
    rows = [trial("CSGM", N, whole, **known), trial("GS", N, cut, **known)]
    if dataset == "own samples":
        changed = {"part": f"made by gs-dcgan-32bit, {IMAGES} images", **changed}
    return comparison(*rows, experiment="raw", dataset=dataset, **changed)


def prior_run(folder: Path, name: str = "gs-dcgan-32bit", **changed: Any) -> Path:
    """The folder of a prior's finished run, as training leaves it."""
    run = folder / name
    run.mkdir(parents=True)
    record = {
        "kind": "prior",
        "prior": "dcgan",
        "dataset": "celeba64",
        "split_hash": "f" * 64,
        "geometry": [3, 64, 64],
        "bits": 32,
        "latent": 100,
        "filters": 32,
        "parameters": 1000000,
        "steps": 3000,
        "epochs": 96.96,
        "seed": 0,
        "init_from": None,
        "levels": {},
        **changed,
    }
    (run / "run.json").write_text(json.dumps(record))
    images = np.random.default_rng(1).random((20, 3, 64, 64), dtype=np.float32)
    np.savez_compressed(run / "samples.npz", images=images, made=images[::-1])
    return run


def write_everything(folder: Path) -> Path:
    """A folder with every experiment, on faces and photos, of two priors, with images."""
    other = {"prior": "vae", "prior_run": "gs-vae-32bit", "filters": 16}
    own = [trial(method, m) for method in QUALITY for m in MS]
    rows = own + [trial(method, m, **other) for method in ("GS", "CSGM") for m in MS]
    for dataset in ("celeba64", "coco64"):
        write(folder, f"gs-{dataset}", comparison(*rows, dataset=dataset), pictures(len(rows)))
        widths = [
            trial("GS", m, 17 + 8 * math.log10(m / 100) - 2 / bits, bits=bits, prior_run=f"d{bits}")
            for bits in (4, 3, 2, 1)
            for m in MS
        ]
        write(folder, f"gs-bits-{dataset}", comparison(*widths, dataset=dataset), pictures(16))
        starts = ("zero", "clamped-normal", "normal-5", "normal-10", "lasso-inverse")
        inits = [trial("GS", 2000, 26 - 2 * i, init=init) for i, init in enumerate(starts)]
        write(
            folder, f"gs-inits-{dataset}", comparison(*inits, dataset=dataset, experiment="inits")
        )
        cuts = [
            trial("GS" if cut else "CSGM", m, 18 + 6 * (cut > 0) - 1.5 * cut + m / 1000, cut=cut)
            for cut in range(5)
            for m in MS
        ]
        changed = {"dataset": dataset, "experiment": "cuts", "part": "validation, first 12 images"}
        write(folder, f"gs-cuts-{dataset}", comparison(*cuts, **changed), pictures(20))
        for experiment, operator in (
            ("mask", "mask:keep=0.1,seed=0"),
            ("superres", "superres:factor=4"),
        ):
            few = [trial(method, 1229, operator=operator) for method in ("GS", "CSGM", "Lasso-DCT")]
            document = comparison(*few, dataset=dataset, experiment=experiment)
            write(folder, f"gs-{experiment}-{dataset}", document, pictures(3))
    for dataset, whole in (("own samples", 38.0), ("celeba64", 19.0), ("coco64", 16.0)):
        write(folder, f"gs-raw-{dataset.split()[0]}", raw(dataset, whole, 34.0))
    return folder
