"""One gradient of f(z) = ||y - A(G(z))||^2, side by side: torch, onnxruntime and our engines.

    python benchmarks/compare.py [--quick] [--networks mnist] [--batches 1 16] [--out FOLDER]

Every row is measured in a process of its own, several times in turns; what counts is the ratio to
torch eager in the same run, and the share of what this machine can do. Prints a table in Markdown;
with --out also writes it, and JSON. What could not run is named below the table.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import roofline
from bundles import write_timed_bundle
from networks import NETWORKS, WIDTHS
from tables import result_of, table

HERE = Path(__file__).parent
COMPILED, TRAINING = "torch.compile", "onnxruntime-training"
RIVALS = ("torch eager", COMPILED, TRAINING)
# Ours with (engine, kernel); these unpack the weights when they load them: a width changes nothing.
UNPACKED = (("float", "numpy"), ("onnx", "onnxruntime"))
PACKED = (("float", "native"), ("integer", "native"))
# Bits of the generator's and the sensing network's weights.
EVERY = (*((bits, 32) for bits in WIDTHS), (4, 8), (1, 8), (4, 4))
MAIN = ((32, 32), (4, 8), (1, 8))
# Every width is measured at these batches on one thread, and the main ones everywhere; so is
# torch.compile, whose compiler takes longer than all others of a place together.
EVERY_BATCHES = (1, 16)
PLAIN = (32, 32)


@dataclass(frozen=True)
class Contender:
    """A row of the table: an implementation on the bundle of some widths."""

    engine: str
    kernel: str = ""
    bits: tuple[int, int] = PLAIN

    @property
    def name(self):
        """What the table calls it."""
        if self.engine in RIVALS:
            return self.engine
        name = f"{self.engine}/{self.kernel}"
        return name if (self.engine, self.kernel) in UNPACKED else f"{name}, {self.widths}"

    @property
    def widths(self):
        """Its weights, for people."""
        generator, sensing = self.bits
        return f"G {generator}, A {sensing} bits"


def contenders(options, batch, threads):
    """Return who is measured at a batch size and a number of threads."""
    every = batch in EVERY_BATCHES and threads == 1
    widths = EVERY if every and not options.quick else MAIN
    ours = [
        *(Contender(*kind) for kind in UNPACKED),
        *(Contender(*kind, bits) for bits in widths for kind in PACKED),
    ]
    return [
        *(Contender(rival) for rival in options.rivals if every or rival != COMPILED),
        *(one for one in ours if f"{one.engine}/{one.kernel}" in options.engines),
    ]


def work(job, python=sys.executable):
    """Have a worker do a job in a process of its own; return what it found."""
    if not Path(python).is_file():
        return {"skipped": f"{os.path.relpath(python)} is missing: run make bench"}
    pools = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    done = subprocess.run(
        [python, HERE / "worker.py", json.dumps(job)],
        capture_output=True,
        text=True,
        env={**os.environ, **dict.fromkeys(pools, str(job.get("threads", 1)))},
        check=False,
    )
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        return {"skipped": last[0]}
    return json.loads(done.stdout.splitlines()[-1])


class Bench:
    """The bundles of one run, and what was found with them."""

    def __init__(self, folder, options):
        self.options = options
        self.folder = folder
        self.paths = {}
        self.peaks = {threads: [] for threads in options.threads}
        self.rounds = {}
        self.skipped = {}

    def path(self, network, bits):
        """Return the bundle of some widths; it is written when it is first asked for."""
        if (network, bits) not in self.paths:
            self.paths[network, bits] = str(write_timed_bundle(self.folder, network, *bits))
        return self.paths[network, bits]

    def measure(self, place, contender):
        """Measure one row once, unless it could not be before."""
        key = (place, contender.name)
        if key in self.skipped:
            return
        network, batch, threads = place
        job = {"engine": contender.engine, "kernel": contender.kernel}
        job |= {"bundle": self.path(network, contender.bits), "batch": batch, "threads": threads}
        python = sys.executable
        if contender.engine == TRAINING:
            python = self.options.training_python
            if key not in self.rounds:
                prepared = work({**job, "engine": "prepare-training"}, python)
                if prepared is not None:
                    self.skipped[key] = prepared["skipped"]
                    return
        found = work(job, python)
        if "skipped" in found:
            self.skipped[key] = found["skipped"]
            self.rounds.pop(key, None)
            return
        self.rounds.setdefault(key, []).append(found)

    def turn(self):
        """Measure everything once: the peaks, then row after row."""
        for threads, several in self.peaks.items():
            found = work({"engine": "roofline", "threads": threads})
            if "skipped" in found:
                raise SystemExit(f"this machine's peaks cannot be measured: {found['skipped']}")
            several.append(roofline.from_json(found))
        options = self.options
        for place in product(options.networks, options.batches, options.threads):
            for contender in contenders(options, *place[1:]):
                self.measure(place, contender)
                last = self.rounds.get((place, contender.name), [{}])[-1]
                time = last.get("gradient_us")
                print(place, contender.name, time and f"{time:,.0f} us", file=sys.stderr)

    def result(self):
        """Return the medians of all rounds, ready for JSON."""
        peaks = {threads: roofline.best_of(several) for threads, several in self.peaks.items()}
        return result_of(self.options.rounds, peaks, self.rounds, self.skipped)


def parse(arguments=None):
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 16, 256])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rivals", nargs="+", choices=RIVALS, default=list(RIVALS))
    engines = ["/".join(kind) for kind in (*UNPACKED, *PACKED)]
    parser.add_argument("--engines", nargs="+", choices=engines, default=engines)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--quick", action="store_true", help="the main widths only, one round; for a look"
    )
    parser.add_argument(
        "--training-python",
        default=str(HERE.parent / ".venv-training/bin/python"),
        help="a Python with onnxruntime-training-cpu",
    )
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    options.rounds = 1 if options.quick else options.rounds
    return options


def main():
    """Measure, print, write."""
    options = parse()
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(Path(scratch), options)
        try:
            for _ in range(options.rounds):
                bench.turn()
        except KeyboardInterrupt:
            print("interrupted: this is what was measured until now", file=sys.stderr)
    result = bench.result()
    text = table(result)
    print(text)
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "gradient.json").write_text(json.dumps(result, indent=1) + "\n")
        (options.out / "gradient.md").write_text(text)


if __name__ == "__main__":
    main()
