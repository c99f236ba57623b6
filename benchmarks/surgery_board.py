"""A cut prior on the board: each engine's L-BFGS beside torch, on the same real measurements.

    python benchmarks/surgery_board.py MODEL.bitprior --dataset celeba64 [--images 20]
        [--steps 100] [--out results/surgery-board.json]

MODEL is a cut prior (``bitprior export RUN --cut 1``). Torch recovers with autograd twice: under
bitprior's own L-BFGS, so that only the arithmetic differs, and with ``torch.optim.LBFGS`` under the
strong Wolfe conditions, one image at a time. All start from the same latents; engines run on one
thread. The problem is not convex: two solvers end in different minima, image by image, and only
means compare.
"""

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch_program import TorchEngine

from bitprior_runtime import load
from bitprior_runtime.files import write_atomically
from bitprior_runtime.solvers import initial_latents
from bitprior_runtime.solvers.lbfgs import LbfgsOptions, lbfgs

REFERENCE = "torch autograd, L-BFGS of bitprior"
# label -> options of Model.recover
ENGINES = {
    "float/numpy": {"engine": "float", "kernel": "numpy"},
    "float/native": {"engine": "float", "kernel": "native"},
    "onnx": {"engine": "onnx"},
    "integer/numpy, 16 bits": {"engine": "integer", "kernel": "numpy", "activation_bits": 16},
    "integer/native, 16 bits": {"engine": "integer", "kernel": "native", "activation_bits": 16},
    "integer/numpy, 8 bits": {"engine": "integer", "kernel": "numpy", "activation_bits": 8},
    "integer/native, 8 bits": {"engine": "integer", "kernel": "native", "activation_bits": 8},
}
SEED = 0


def measure(model, images, steps, labels=tuple(ENGINES)):
    """Return rows: PSNR of every contender on the images, and its distance to the reference.

    Args:
        model: The cut prior.
        images: float32 [N,C,H,W] in [0,1].
        steps: L-BFGS iterations.
        labels: Engines to run.
    """
    y = model.sense(images)
    manifest = model.bundle.manifest
    (z0,) = initial_latents(len(y), manifest.latent, SEED, kind=manifest.solver.initial_latent)
    found = {
        REFERENCE: _timed(lambda: _torch_arithmetic(model, y, z0, steps)),
        "torch.optim.LBFGS": _timed(lambda: _torch_solver(model, y, z0, steps)),
    }
    for label in labels:
        options = {**ENGINES[label], "solver": "lbfgs", "steps": steps, "threads": 1}
        found[label] = _timed(lambda options=options: model.recover(y, latent=z0, **options).image)
    base = _psnr(found[REFERENCE][0], images)
    return [
        _row(label, recovered, seconds, images, base)
        for label, (recovered, seconds) in found.items()
    ]


def _torch_arithmetic(model, y, z0, steps):
    engine = TorchEngine(model.bundle)
    return engine.generate(lbfgs(engine, y, z0, LbfgsOptions(steps=steps)).latent)


def _torch_solver(model, y, z0, steps):
    engine = TorchEngine(model.bundle)
    latents = []
    for measured, start in zip(torch.from_numpy(y), torch.from_numpy(z0), strict=True):
        z = start[None].clone().requires_grad_()
        optimiser = torch.optim.LBFGS(
            [z], max_iter=steps, max_eval=25 * steps, line_search_fn="strong_wolfe"
        )

        def closure(z=z, measured=measured, optimiser=optimiser):
            optimiser.zero_grad()
            loss = engine.losses(z, measured[None]).sum()
            loss.backward()
            return loss

        optimiser.step(closure)
        latents.append(z.detach().numpy()[0])
    return engine.generate(np.stack(latents))


def _timed(recover):
    begin = time.perf_counter()
    return recover(), time.perf_counter() - begin


def _psnr(recovered, images):
    errors = np.square(np.clip(recovered, 0, 1).astype(np.float64) - images)
    return -10 * np.log10(errors.reshape(len(images), -1).mean(axis=1))


def _row(label, recovered, seconds, images, base):
    psnr = _psnr(recovered, images)
    below = base - psnr
    interval = 1.96 * below.std(ddof=1) / math.sqrt(len(below))
    return {
        "name": label,
        "psnr": round(float(psnr.mean()), 3),
        "psnr_sd": round(float(psnr.std(ddof=1)), 3),
        "below_torch": round(float(below.mean()), 3),
        "below_torch_interval": round(float(interval), 3),
        "seconds_an_image": round(seconds / len(images), 3),
    }


def main():
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--dataset", default="celeba64")
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    from bitprior_train.data import load_test_part

    torch.set_num_threads(1)
    model = load(arguments.model)
    test = load_test_part(arguments.dataset)
    images = test.images(test.test[: arguments.images])
    manifest = model.bundle.manifest
    result = {
        "kind": "benchmark of a cut prior on the board",
        "model": manifest.name,
        "bits": manifest.bits,
        "latents": {name: list(shape) for name, shape in manifest.latents.items()},
        "measurement": {"kind": manifest.measurement.kind, "size": manifest.measurement.size},
        "bundle_bytes": model.file_bytes,
        "dataset": arguments.dataset,
        "part": f"test, first {arguments.images}",
        "steps": arguments.steps,
        "rows": measure(model, images, arguments.steps, arguments.engines),
    }
    for row in result["rows"]:
        print(
            f"{row['name']:36} {row['psnr']:7.3f} dB  below torch {row['below_torch']:+.3f} "
            f"± {row['below_torch_interval']:.3f} dB  {row['seconds_an_image']:.2f} s an image"
        )
    if arguments.out is not None:
        write_atomically(arguments.out, (json.dumps(result, indent=2) + "\n").encode())


if __name__ == "__main__":
    main()
