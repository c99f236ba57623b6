"""What each solver on each engine needs to come within 0.1 dB of the converged PSNR.

On validation images, all from the same start latents. First, every solver runs longer and longer
on the float engine. The converged PSNR is the highest that any reaches; it is another one for
sparse latents (the trained s) than for dense ones, so there are two groups. The problem is not
convex: solvers end in different minima, and some never come within 0.1 dB of the best. So there
are two easier targets: within 1 dB, and the PSNR of Q-GEN's recovery, the same for all.

Then the loops that every engine runs by itself, proximal and FISTA, on every engine: to the same
targets. Last, noise: what dense FISTA and Q-GEN's recovery are worth with noise in y, after 10 to
100 steps. The bundle's default was chosen at export by the same measure.

Steps are searched to within 5 %, on the mean PSNR of a batch, one start an image. Milliseconds are
CPU time of one thread for one image at a time, median; compare the ratios of one run, not
milliseconds of two machines.

    python benchmarks/solvers.py MODEL.bitprior --dataset mnist [--images 16] [--out solvers.json]
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from functools import cached_property
from pathlib import Path

import numpy as np

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
WITHIN = (0.1, 1.0)  # dB
PRECISION = 1.05
TIMED_IMAGES = 7
NOISE = (0.0, 0.01, 0.05)
NOISE_STEPS = (10, 20, 30, 50, 100)

# label -> (options of Model.recover, most steps)
SOLVERS = {
    "proximal": ({"solver": "proximal"}, 1000),
    "proximal, line search": ({"solver": "proximal", "line_search": True}, 600),
    "fista": ({"solver": "fista"}, 1000),
    "fista, line search": ({"solver": "fista", "line_search": True}, 600),
    "adam, 0.03": ({"solver": "adam"}, 1000),
    "adam, 0.1": ({"solver": "adam", "step_size": 0.1}, 1000),
    "lbfgs": ({"solver": "lbfgs"}, 600),
    "lbfgs of torch": ({"solver": "lbfgs", "line_search": False}, 300),
    "gauss-newton": ({"solver": "gauss-newton"}, 30),
}
# label -> options
ENGINES = {
    "float/native": {"engine": "float", "kernel": "native"},
    "float/numpy": {"engine": "float", "kernel": "numpy"},
    "integer/native, 16 bits": {"engine": "integer", "kernel": "native", "activation_bits": 16},
    "integer/native, 8 bits": {"engine": "integer", "kernel": "native", "activation_bits": 8},
    "onnx": {"engine": "onnx"},
}


class Contender:
    """A solver with its options, and the PSNR it reaches after so many steps."""

    def __init__(self, model, images, label, options, cap):
        self.model, self.images = model, images
        self.label, self.options, self.cap = label, options, cap
        self.measurements = model.sense(images)
        self._found = {}

    def run(self, steps):
        """Return (mean PSNR, mean steps taken, mean evaluations) of at most ``steps`` steps."""
        if steps not in self._found:
            done = self.recover(self.measurements, steps)
            quality = psnr(done.image, self.images)
            self._found[steps] = quality, float(done.steps.mean()), float(done.evaluations.mean())
        return self._found[steps]

    def recover(self, y, steps):
        """Recover from measurements."""
        return self.model.recover(y, steps=steps, seed=0, threads=1, **self.options)

    @cached_property
    def final(self):
        """PSNR after the most steps, dB."""
        quality = self.run(self.cap)[0]
        print(f"{self.label}: {quality:.2f} dB after {self.cap} steps", file=sys.stderr)
        return quality

    def least_steps(self, target):
        """Return the fewest steps with at least this PSNR, or None: doubled, then bisected."""
        low, high = 0, 1
        while self.run(high)[0] < target:
            if high == self.cap:
                return None
            low, high = high, min(2 * high, self.cap)
        while high - low > 1 and high > PRECISION * low:
            middle = (low + high) // 2
            low, high = (low, middle) if self.run(middle)[0] >= target else (middle, high)
        return high

    def milliseconds(self, steps):
        """Return the median CPU time of a recovery of one image, ms."""
        times = []
        for index in range(min(TIMED_IMAGES, len(self.images))):
            begin = time.process_time()
            self.recover(self.measurements[index : index + 1], steps)
            times.append(1e3 * (time.process_time() - begin))
        return statistics.median(times)

    def cost(self, target):
        """Return what it takes to reach a PSNR: steps, evaluations and ms; None if it does not."""
        steps = self.least_steps(target)
        if steps is None:
            return None
        _, taken, evaluations = self.run(steps)
        return {
            "steps": steps,
            "mean_steps": taken,
            "evaluations": evaluations,
            "milliseconds": self.milliseconds(steps),
        }


def psnr(found, images):
    """Return the mean PSNR, dB."""
    from bitprior_train.metrics import psnr as each

    return float(each(found, images).mean())


def contenders(model, images, dense, share):
    """Return all solvers, with the trained s or with dense latents."""
    defaults, k = model.bundle.manifest.solver, model.bundle.manifest.latent
    for label, (options, cap) in SOLVERS.items():
        own = dict(options)
        if options["solver"] == "lbfgs":  # its latents are dense
            if not dense:
                continue
        else:
            own["sparsity"] = k if dense else defaults.sparsity
        yield Contender(model, images, label, own, max(1, int(share * cap)))


def on_engines(model, images, dense, share, targets):
    """Return rows of the loops that every engine runs by itself."""
    rows = []
    for label, engine in ENGINES.items():
        for name in ("proximal", "fista"):
            options, cap = SOLVERS[name]
            s = model.bundle.manifest.latent if dense else model.bundle.manifest.solver.sparsity
            if label == "onnx" and not has_loop(model, name, s):
                continue
            s = None if dense and label == "onnx" else s
            own = {**options, **engine} | ({} if s is None else {"sparsity": s})
            rival = Contender(model, images, f"{name}, {label}", own, max(1, int(share * cap)))
            rows.append(row(rival, targets))
    return rows


def has_loop(model, name, s):
    """Return whether recover.onnx is this solver with this s: it is the bundle's own loop."""
    from bitprior_runtime.proximal_defaults import loop_options

    loop = loop_options(model.bundle.manifest.solver, 1)
    return (name == "fista") == loop.momentum and (
        loop.sparsity or model.bundle.manifest.latent
    ) == s


def with_noise(model, images):
    """Return PSNR of Q-GEN's recovery and of dense FISTA, with noise in the measurements."""
    y = model.sense(images)
    noise = np.random.default_rng(0).standard_normal(y.shape)
    noise *= np.sqrt(np.square(y).mean(axis=1, keepdims=True))
    rows = []
    for label, options in {
        "proximal, trained s": {"solver": "proximal"},
        "fista, dense": {"solver": "fista", "sparsity": model.bundle.manifest.latent},
        "lbfgs": {"solver": "lbfgs"},
    }.items():
        for level in NOISE:
            noisy = (y + level * noise).astype(np.float32)
            found = {
                steps: psnr(model.recover(noisy, steps=steps, seed=0, **options).image, images)
                for steps in NOISE_STEPS
            }
            rows.append({"solver": label, "noise": level, "psnr": found})
    return rows


def measure(path, dataset, count, share):
    """Return the figures of both groups, of all engines, and with noise."""
    from bitprior_runtime.model import load
    from bitprior_train.data import load_dataset

    model = load(path)
    manifest = model.bundle.manifest
    split = manifest.training["config"]["data"]
    data = load_dataset(dataset, split["split_seed"], split["validation"], split.get("size", 0))
    images = data.images(data.validation[:count])
    paper = Contender(model, images, "Q-GEN", {"solver": "proximal"}, 50).run(50)[0]
    usual = Contender(model, images, "default", {}, 1).run(manifest.solver.steps)[0]
    groups = {}
    sparse = manifest.solver.sparsity not in (None, manifest.latent)
    for name, dense in (("sparse", False), ("dense", True)):
        if not dense and not sparse:
            continue
        rivals = list(contenders(model, images, dense, share))
        converged = max(rival.final for rival in rivals)
        targets = {f"within {gap} dB": converged - gap for gap in WITHIN} | {"as Q-GEN": paper}
        groups[name] = {
            "sparsity": manifest.latent if dense else manifest.solver.sparsity,
            "converged_psnr": converged,
            "rows": [row(rival, targets) for rival in rivals],
            "engines": on_engines(model, images, dense, share, targets),
        }
    return {
        "bundle": Path(path).name,
        "dataset": dataset,
        "split_hash": data.split_hash,
        "part": f"validation, first {count}",
        "seed": 0,
        "share": share,
        "q_gen": {"steps": 50, "sparsity": manifest.solver.sparsity, "psnr": paper},
        "default": {"solver": manifest.solver.name, "steps": manifest.solver.steps, "psnr": usual},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, 1 thread used, CPU time",
        "groups": groups,
        "noise": with_noise(model, images),
    }


def row(rival, targets):
    """Return one solver's figures."""
    return {
        "solver": rival.label,
        "most_steps": rival.cap,
        "final_psnr": rival.final,
        "costs": {name: rival.cost(target) for name, target in targets.items()},
    }


def table(result):
    """Return the figures as Markdown."""
    default, paper = result["default"], result["q_gen"]
    where = f"{result['bundle']}, {result['dataset']}, {result['part']} images, seed 0, one start"
    of_paper = f"proximal, {paper['steps']} steps, s = {paper['sparsity']}"
    of_bundle = f"{default['solver']}, {default['steps']} steps"
    lines = [
        f"{where}; {result['machine']}.",
        f"Q-GEN's recovery ({of_paper}): {paper['psnr']:.2f} dB.",
        f"The bundle's default ({of_bundle}): {default['psnr']:.2f} dB.",
    ]
    for name, group in result["groups"].items():
        converged = f"converged {group['converged_psnr']:.2f} dB"
        lines += ["", f"**{name}, s = {group['sparsity']}**: {converged}."]
        for rows in (group["rows"], group["engines"]):
            targets = list(rows[0]["costs"])
            columns = [f"{target}: steps | evaluations | ms" for target in targets]
            lines += ["", "| solver | longest run | " + " | ".join(columns) + " |"]
            lines.append("|---" * (2 + 3 * len(targets)) + "|")
            for entry in rows:
                longest = f"{entry['final_psnr']:.2f} dB after {entry['most_steps']}"
                cells = [entry["solver"], longest]
                for target in targets:
                    cells += cost_cells(entry["costs"][target])
                lines.append("| " + " | ".join(cells) + " |")
    lines += [
        "",
        "**Noise in y**, share of its root mean square: PSNR in dB after so many steps.",
        "",
    ]
    lines.append("| solver | noise | " + " | ".join(map(str, NOISE_STEPS)) + " |")
    lines.append("|---" * (2 + len(NOISE_STEPS)) + "|")
    for entry in result["noise"]:
        cells = [f"{entry['psnr'][str(steps)]:.2f}" for steps in NOISE_STEPS]
        lines.append(f"| {entry['solver']} | {entry['noise']:.0%} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def cost_cells(cost):
    """Return steps, evaluations and milliseconds as text."""
    if cost is None:
        return ["not reached", "", ""]
    return [f"{cost['steps']}", f"{cost['evaluations']:.0f}", f"{cost['milliseconds']:.1f}"]


def main():
    """Measure in a process with one thread; print Markdown, and write JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle")
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--share", type=float, default=1.0, help="Of the longest runs.")
    parser.add_argument("--out", help="JSON file; the table goes beside it as .md.")
    parser.add_argument("--pinned", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.pinned:
        found = measure(options.bundle, options.dataset, options.images, options.share)
        print(json.dumps(found, indent=2))
        return
    command = [sys.executable, __file__, *sys.argv[1:], "--pinned"]
    done = subprocess.run(
        command, env={**os.environ, **ONE_THREAD}, stdout=subprocess.PIPE, text=True, check=True
    )
    text = table(json.loads(done.stdout))
    if options.out:
        Path(options.out).write_text(done.stdout)
        Path(options.out).with_suffix(".md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
