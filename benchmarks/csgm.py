"""End to end: how long until a recovery is as good as CSGM's in torch, on the same measurements?

    python benchmarks/csgm.py MODEL.bitprior --dataset mnist [--images 16]

CSGM (Bora et al., 2017) searches the latent with Adam from ten starts and keeps the one of lowest
measurement loss. It starts from the distribution the prior was trained with, and gets the learning
rate of lowest measurement loss out of RATES. The target is 0.1 dB below the PSNR it converges to,
on validation images. Times are for one image at a time, one thread; each contender runs in a
process of its own.
"""

import argparse
import json
import os
import subprocess
import sys
import time

import numpy as np

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
RESTARTS, RATES, LONG = 10, (0.003, 0.01, 0.03, 0.1), 1000
STEPS = (10, 15, 20, 30, 40, 50, 75, 100, 150, 200, 300, 400, 600, 800, 1000)
WITHIN, TIMED = 0.1, 5
# What our engines may use: (label, engine, options of Model.recover)
OURS = (
    ("the bundle's", {}),
    ("proximal as trained", {"solver": "proximal"}),
    ("lbfgs", {"solver": "lbfgs"}),
)
ENGINES = (("float", "native"), ("float", "numpy"), ("integer", "native"))


def validation_images(model, dataset, count):
    """Return validation images of the split the bundle was trained on."""
    from bitprior_train.data import load_dataset

    split = model.bundle.manifest.training["config"]["data"]
    data = load_dataset(dataset, split["split_seed"], split["validation"])
    return data.images(data.validation[:count])


def csgm(model, images):
    """Return (steps, PSNR, seconds an image) of torch CSGM, its steps growing."""
    import torch
    from torch_program import TorchProgram

    from bitprior_runtime.solvers import initial_latents

    torch.set_num_threads(1)
    generator = TorchProgram(model.bundle.generator)
    sensing = TorchProgram(model.bundle.sensing)
    y = torch.from_numpy(model.sense(images))

    def search(target, steps, rate):
        rows, manifest = len(target), model.bundle.manifest
        start = manifest.solver.initial_latent
        drawn = initial_latents(rows, manifest.latent, 0, RESTARTS, start)
        z = torch.from_numpy(drawn.reshape(rows * RESTARTS, -1)).requires_grad_()
        repeated = target.repeat(RESTARTS, 1)
        optimiser = torch.optim.Adam([z], lr=rate)
        for _ in range(steps):
            optimiser.zero_grad()
            loss = (sensing(generator(z)) - repeated).square().sum(1)
            loss.sum().backward()
            optimiser.step()
        with torch.no_grad():
            drawn = generator(z)
            loss = (sensing(drawn) - repeated).square().sum(1).reshape(RESTARTS, rows)
            best = loss.argmin(0)
            shape = (RESTARTS, rows, *drawn.shape[1:])
            image = drawn.reshape(shape)[best, torch.arange(rows)].numpy()
            return image, float(loss.min(0).values.mean())

    rate = min(RATES, key=lambda rate: search(y, LONG // 4, rate)[1])
    quality = {steps: psnr(search(y, steps, rate)[0], images) for steps in STEPS}
    return quality, lambda steps: seconds(lambda i: search(y[i : i + 1], steps, rate))


def ours(model, images, engine, kernel, options):
    """Return the same of one of our solvers on one of our engines."""
    y = model.sense(images)
    settings = {**options, "engine": engine, "kernel": kernel, "threads": 1}
    quality = {
        steps: psnr(model.recover(y, steps=steps, **settings).image, images) for steps in STEPS
    }
    return quality, lambda steps: seconds(
        lambda i: model.recover(y[i : i + 1], steps=steps, **settings)
    )


def psnr(found, images):
    """Return the mean over images of -10 log10 of the mean squared error."""
    errors = np.square(np.clip(found, 0, 1) - images).reshape(len(images), -1).mean(1)
    return float(-10 * np.log10(errors).mean())


def seconds(call):
    """Return the median time of a recovery of one image."""
    call(0)
    times = []
    for index in range(TIMED):
        begin = time.perf_counter()
        call(index)
        times.append(time.perf_counter() - begin)
    return float(np.median(times))


def contender(job):
    """Run one contender in this process and print its curve and times."""
    from bitprior_runtime import load

    model = load(job["model"])
    images = validation_images(model, job["dataset"], job["images"])
    if job["name"] == "csgm":
        quality, timed = csgm(model, images)
        target = quality[LONG] - WITHIN
    else:
        quality, timed = ours(model, images, job["engine"], job["kernel"], dict(OURS)[job["name"]])
        target = job["target"]
    reached = [steps for steps in STEPS if quality[steps] >= target]
    found = {"psnr": quality, "target": target, "best": max(quality.values())}
    if reached:
        found |= {"steps": reached[0], "ms": 1e3 * timed(reached[0])}
    print(json.dumps(found))


def apart(job):
    """Run a contender in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--job", json.dumps(job)],
        env={**os.environ, **ONE_THREAD},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def main():
    """Measure everyone and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?")
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--job", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        contender(json.loads(options.job))
        return
    job = {"model": options.model, "dataset": options.dataset, "images": options.images}
    rows = {"torch CSGM": apart({**job, "name": "csgm"})}
    base = rows["torch CSGM"]
    for name, _ in OURS:
        for engine, kernel in ENGINES:
            wish = {**job, "name": name, "target": base["target"]}
            row = apart({**wish, "engine": engine, "kernel": kernel})
            if "ms" in row:
                row["times_faster"] = base["ms"] / row["ms"]
            rows[f"{name}, {engine}/{kernel}"] = row
    print(json.dumps({"model": os.path.basename(options.model), **job, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
