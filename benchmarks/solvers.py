"""What each solver needs to come within 0.1 dB of the converged PSNR, on validation images.

Every solver recovers the same images from the same start latents, with more and more steps. The
converged PSNR is that of the solver that ends highest when all of them run long; it is another one
for sparse latents (the bundle's s) than for dense ones, so there are two groups. The problem is not
convex: solvers end in different minima, and some never come within 0.1 dB of the best. So there
are two easier targets: within 1 dB, and the PSNR of the bundle's own defaults, the same for all.

Steps are searched to within 5 %, on the mean PSNR of a batch, one start an image. Milliseconds are
CPU time of one thread for one image at a time, median; compare the ratios of one run, not
milliseconds of two machines.

    python benchmarks/solvers.py MODEL.bitprior --dataset mnist [--images 32] [--out solvers.json]
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

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
WITHIN = (0.1, 1.0)  # dB
PRECISION = 1.05
TIMED_IMAGES = 9

# A learned beta is made for plain steps; momentum is stable with shorter ones only.
SHORTER = 0.3

# label -> (options of Model.recover, most steps)
SOLVERS = {
    "proximal": ({"solver": "proximal"}, 1000),
    "proximal, line search": ({"solver": "proximal", "line_search": True}, 600),
    "proximal, momentum": ({"solver": "proximal", "momentum": True}, 1000),
    "proximal, momentum, 0.3 beta": (
        {"solver": "proximal", "momentum": True, "step_size": SHORTER}, 1000,
    ),
    "proximal, momentum, line search": (
        {"solver": "proximal", "momentum": True, "line_search": True}, 600,
    ),
    "adam, 0.03": ({"solver": "adam"}, 1000),
    "adam, 0.1": ({"solver": "adam", "step_size": 0.1}, 1000),
    "lbfgs": ({"solver": "lbfgs"}, 600),
    "lbfgs of torch": ({"solver": "lbfgs", "line_search": False}, 300),
    "gauss-newton": ({"solver": "gauss-newton"}, 30),
}  # fmt: skip


class Contender:
    """A solver with its options, and the PSNR it reaches after so many steps."""

    def __init__(self, model, images, label, options, cap):
        self.model, self.images = model, images
        self.label, self.options, self.cap = label, options, cap
        self.measurements = model.sense(images)
        self._found = {}

    def run(self, steps):
        """Return (mean PSNR, mean steps taken, mean evaluations) of at most ``steps`` steps."""
        from bitprior_train.metrics import psnr

        if steps not in self._found:
            done = self.model.recover(self.measurements, steps=steps, seed=0, **self.options)
            quality = float(psnr(done.image, self.images).mean())
            self._found[steps] = quality, float(done.steps.mean()), float(done.evaluations.mean())
        return self._found[steps]

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
            one = self.measurements[index : index + 1]
            self.model.recover(one, steps=steps, seed=0, **self.options)
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


def contenders(model, images, dense):
    """Return all solvers, with the bundle's s or with dense latents."""
    beta = model.bundle.manifest.solver.step_size
    for label, (options, cap) in SOLVERS.items():
        own = dict(options)
        if label.endswith("beta"):
            own["step_size"] *= beta
        if options["solver"] == "lbfgs":  # its latents are dense
            if not dense:
                continue
        elif dense:
            own["sparsity"] = model.bundle.manifest.latent
        yield Contender(model, images, label, own, cap)


def measure(path, dataset, count):
    """Return the figures of both groups."""
    from bitprior_runtime.model import load
    from bitprior_train.data import load_dataset

    model = load(path)
    split = model.bundle.manifest.training["config"]["data"]
    data = load_dataset(dataset, split["split_seed"], split["validation"])
    images = data.images(data.validation[:count])
    defaults = model.bundle.manifest.solver
    usual = Contender(model, images, "default", {}, defaults.steps).run(defaults.steps)[0]
    groups = {}
    for name, dense in (("sparse", False), ("dense", True)):
        rivals = list(contenders(model, images, dense))
        converged = max(rival.final for rival in rivals)
        groups[name] = {
            "sparsity": model.bundle.manifest.latent if dense else defaults.sparsity,
            "converged_psnr": converged,
            "rows": [row(rival, converged, usual) for rival in rivals],
        }
    return {
        "bundle": Path(path).name,
        "dataset": dataset,
        "split_hash": data.split_hash,
        "part": f"validation, first {count}",
        "seed": 0,
        "defaults": {"steps": defaults.steps, "sparsity": defaults.sparsity, "psnr": usual},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, 1 thread used, CPU time",
        "groups": groups,
    }


def row(rival, converged, usual):
    """Return one solver's figures."""
    return {
        "solver": rival.label,
        "most_steps": rival.cap,
        "final_psnr": rival.final,
        "costs": {f"within {gap} dB": rival.cost(converged - gap) for gap in WITHIN}
        | {"as the defaults": rival.cost(usual)},
    }


def table(result):
    """Return the figures as Markdown."""
    defaults = result["defaults"]
    where = f"{result['bundle']}, {result['dataset']}, {result['part']} images, seed 0, one start"
    lines = [f"{where}; {result['machine']}."]
    usual = (
        f"the bundle's defaults (proximal, {defaults['steps']} steps, s = {defaults['sparsity']}) "
        f"reach {defaults['psnr']:.2f} dB"
    )
    for name, group in result["groups"].items():
        converged = f"converged {group['converged_psnr']:.2f} dB"
        lines += ["", f"**{name}, s = {group['sparsity']}**: {converged}; {usual}.", ""]
        targets = list(group["rows"][0]["costs"])
        columns = [f"{target}: steps | evaluations | ms" for target in targets]
        lines.append("| solver | longest run | " + " | ".join(columns) + " |")
        lines.append("|---" * (2 + 3 * len(targets)) + "|")
        for entry in group["rows"]:
            cells = [entry["solver"], f"{entry['final_psnr']:.2f} dB after {entry['most_steps']}"]
            for target in targets:
                cells += cost_cells(entry["costs"][target])
            lines.append("| " + " | ".join(cells) + " |")
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
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--out", help="JSON file; the table goes beside it as .md.")
    parser.add_argument("--pinned", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.pinned:
        print(json.dumps(measure(options.bundle, options.dataset, options.images), indent=2))
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
