"""One training step of the MNIST Q-GEN, and the same step in plain torch without quantisers.

Batch 64, T = 3, second order, one thread: ours at each bit width (``Learner.step``), and
Algorithm 1 written plainly with torch's modules and ``torch.autograd.grad``; with the same float
weights both have the same loss, which is checked first. They are measured in turns in one process,
so that what else the machine does hits all of them alike, by CPU time, as the process may have to
wait; on images of noise, as no pixel's value matters to the time. Compare the ratios.

    python benchmarks/training_step.py [--rounds 40] [--out results/training-step.json]
"""

import argparse
import json
import platform
import statistics
import sys
import time
from pathlib import Path

import torch
from torch import nn

from bitprior_runtime.files import write_atomically
from bitprior_train.batches import latents
from bitprior_train.learner import Learner
from bitprior_train.settings import read_preset, resolve

GEOMETRY = (1, 28, 28)
BATCH, STEPS = 64, 3
LIMIT = 1.3  # the ratio we hold ourselves to
WARM_UP = 3


class PlainStep:
    """Algorithm 1 as one would write it: float weights, two Adams, L_G + L_A + L_GDL."""

    def __init__(self, latent=100, hidden=500, measurements=100, sparsity=50):
        self.generator = nn.Sequential(
            nn.Linear(latent, hidden), nn.LeakyReLU(0.2),
            nn.Linear(hidden, hidden), nn.LeakyReLU(0.2),
            nn.Linear(hidden, 784), nn.Tanh(),
        )  # fmt: skip
        self.sensing = nn.Sequential(
            nn.Linear(784, hidden), nn.LeakyReLU(0.2),
            nn.Linear(hidden, hidden), nn.LeakyReLU(0.2),
            nn.Linear(hidden, measurements),
        )  # fmt: skip
        self.log_beta = nn.Parameter(torch.tensor(0.01).log())
        self.sparsity = sparsity
        self.theta = [*self.generator.parameters(), self.log_beta]
        self.phi = [*self.sensing.parameters()]
        self.adams = [torch.optim.Adam(p, lr=1e-4, fused=True) for p in (self.theta, self.phi)]

    def threshold(self, z):
        """Keep the s largest magnitudes of each row."""
        kept = z.abs().topk(self.sparsity, dim=1).indices
        return z * torch.zeros_like(z).scatter_(1, kept, 1.0)

    def isometry(self, x1, x2, y1, y2):
        """S-REC, squared."""
        gap = torch.sqrt((x1 - x2).square().sum(1) + 1e-12)
        return (gap - torch.sqrt((y1 - y2).square().sum(1) + 1e-12)).square().mean()

    def __call__(self, x, z0):
        """Take one step."""
        x = x.flatten(1) * 2 - 1
        y = self.sensing(x)
        z = z0.detach().requires_grad_()
        x_0 = self.generator(z)
        y_0 = self.sensing(x_0)
        x_T, y_T = x_0, y_0  # noqa: N806
        for _ in range(STEPS):
            f = (y - y_T).square().sum()
            (gradient,) = torch.autograd.grad(f, z, create_graph=True)
            z = self.threshold(z - self.log_beta.exp() * gradient)
            x_T = self.generator(z)  # noqa: N806
            y_T = self.sensing(x_T)  # noqa: N806
        l_g = (y - y_T).square().sum(1).mean()
        pairs = ((x_T, x_0, y_T, y_0), (x_T, x, y_T, y), (x_0, x, y_0, y))
        l_a = sum(self.isometry(*pair) for pair in pairs) / 3
        error = (x - x_T).reshape(-1, 28, 28)
        l_gdl = sum(error.diff(dim=d).square().sum((1, 2)).mean() for d in (1, 2))
        by_theta = torch.autograd.grad(l_g + l_a + l_gdl, self.theta, retain_graph=True)
        by_phi = torch.autograd.grad(l_a, self.phi)
        for parameters, gradients, adam in zip(
            (self.theta, self.phi), (by_theta, by_phi), self.adams, strict=True
        ):
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient
            adam.step()
        return l_g.item() + l_a.item() + l_gdl.item()


def learner(bits, *overrides):
    """Return our networks at a bit width, of the preset's sizes."""
    over = {
        "quantiser": {"bits": bits},
        "optimiser": {"lr": 1e-4, "batch": BATCH, "warmup": 0},
        "inner": {"steps": STEPS, "order": "second"},
    }
    return Learner(resolve(read_preset("mnist"), [over, *overrides]), GEOMETRY)


def step_of(ours):
    """Return a function that takes the next step, as ``PlainStep`` does."""
    count = iter(range(10**9))
    return lambda x, z0: ours.step(x, z0, next(count)).total.item()


def batch():
    """Return images and start latents."""
    random = torch.Generator().manual_seed(0)
    return torch.rand((BATCH, *GEOMETRY), generator=random), latents(BATCH, 100, 0, 0)


def check_same_loss(steps=3):
    """Refuse to compare steps that do not compute the same from the same weights."""
    plain, ours = PlainStep(), learner(32, {"optimiser": {"schedule": "constant"}})
    for mine, theirs in ((plain.generator, ours.generator), (plain.sensing, ours.sensing)):
        for parameter, value in zip(mine.parameters(), theirs.parameters(), strict=True):
            parameter.data.copy_(value.data)
    step = step_of(ours)
    for _ in range(steps):
        losses = plain(*batch()), step(*batch())
        if abs(losses[0] - losses[1]) > 1e-4 * losses[1]:
            raise SystemExit(f"plain and ours differ: losses {losses[0]} and {losses[1]}")


def measure(contenders, rounds):
    """Return CPU seconds of each contender's steps, taken in turns."""
    images, z0 = batch()
    seconds = {name: [] for name in contenders}
    for turn in range(WARM_UP + rounds):
        for name, step in contenders.items():
            begin = time.process_time()
            step(images, z0)
            if turn >= WARM_UP:
                seconds[name].append(time.process_time() - begin)
    return seconds


def main():
    """Measure, print, and write the JSON if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    check_same_loss()
    contenders = {"plain torch": PlainStep()}
    contenders |= {f"bitprior, {bits} bits": step_of(learner(bits)) for bits in (32, 4, 1)}
    low = {"run": {"precision": "bfloat16"}}
    contenders["bitprior, 4 bits, bfloat16"] = step_of(learner(4, low))
    seconds = measure(contenders, options.rounds)
    plain = seconds["plain torch"]
    rows = []
    for name, times in seconds.items():
        middle = statistics.median(times)
        ratio = statistics.median(a / b for a, b in zip(times, plain, strict=True))
        row = {"name": name, "ms": 1e3 * middle, "ratio": ratio, "images_per_s": BATCH / middle}
        rows.append(row)
        print(
            f"{name:<28} {row['ms']:7.1f} ms  {ratio:5.2f} x  {row['images_per_s']:6.0f} images/s",
            file=sys.stderr,
        )
    result = {
        "command": f"python benchmarks/training_step.py --rounds {options.rounds}",
        "what": {
            "dataset": "mnist", "batch": BATCH, "inner_steps": STEPS, "order": "second",
            "threads": 1, "seed": 0, "time": "CPU time of one process; ratio: median over turns",
        },
        "machine": {"cpu": _cpu(), "torch": torch.__version__, "python": platform.python_version()},
        "limit": LIMIT,
        "rows": rows,
    }  # fmt: skip
    text = json.dumps(result, indent=2) + "\n"
    print(text, end="")
    if options.out:
        write_atomically(options.out, text.encode())


def _cpu():
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = (line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    return next(names, "unknown")


if __name__ == "__main__":
    main()
