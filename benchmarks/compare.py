"""One gradient of f(z) = ||y - A(G(z))||^2, side by side: torch, onnxruntime and our engines.

    python benchmarks/compare.py [--networks mnist] [--batches 1 16] [--threads 1] [--out FOLDER]

Every row is measured in a process of its own, several times in turns; what counts is the ratio to
torch eager in the same run. Prints a table in Markdown; with --out also writes it, and JSON.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path
from statistics import median

from bundles import write_timed_bundle
from networks import NETWORKS, WIDTHS

from bitprior_runtime.bench import BenchRequest, BenchRow, run_bench

HERE = Path(__file__).parent
RIVALS = ("torch eager", "torch.compile")
KINDS = (("float", "numpy"), ("onnx", "onnxruntime"), ("float", "native"), ("integer", "native"))
# These unpack the weights when they load them: a width changes nothing.
UNPACKED = KINDS[:2]
ROUNDS = 3


def work(job):
    """Run a rival, or the roofline, in a process of its own."""
    threads = str(job.get("threads", 1))
    pools = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    done = subprocess.run(
        [sys.executable, HERE / "worker.py", json.dumps(job)],
        capture_output=True,
        text=True,
        env={**os.environ, **dict.fromkeys(pools, threads)},
        check=True,
    )
    return json.loads(done.stdout)


def ours(path, engine, kernel, batch, threads):
    """Measure one of our engines, or return None if it cannot run."""
    request = BenchRequest(path, ((engine, kernel),), (batch,), (threads,))
    (row,) = run_bench(request)
    return row.as_json() if isinstance(row, BenchRow) else None


def cases(folder, options):
    """Yield (network, row name, what to call) of everything that is to be measured."""
    for network, batch, threads in product(options.networks, options.batches, options.threads):
        place = (network, batch, threads)
        float_path = folder[network, 32, 32]
        for rival in options.rivals:
            job = {"rival": rival, "bundle": str(float_path), "batch": batch, "threads": threads}
            yield place, rival, lambda job=job: work(job)
        for (bits, sensing_bits), (engine, kernel) in product(options.widths, KINDS):
            if (engine, kernel) in UNPACKED and (bits, sensing_bits) != (4, 32):
                continue
            path = folder[network, bits, sensing_bits]
            name = f"{engine}/{kernel}, G {bits}, A {sensing_bits} bits"
            yield (
                place,
                name,
                lambda p=path, e=engine, k=kernel, b=batch, t=threads: ours(p, e, k, b, t),
            )


def table(rows, peaks):
    """Return the results in Markdown."""
    lines = [
        f"Medians over {ROUNDS} rounds in turns; {machine()}. Measured peaks of one thread: "
        + ", ".join(f"{name} {value:,.0f}" for name, value in peaks.items())
        + ".",
        "",
        "| network | batch | threads | implementation | µs | times torch | GMAC/s | GB/s | MB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        speed = "" if row["gmac_per_s"] is None else f"{row['gmac_per_s']:.1f}"
        width = "" if row["gb_per_s"] is None else f"{row['gb_per_s']:.1f}"
        lines.append(
            f"| {row['network']} | {row['batch']} | {row['threads']} | {row['name']} | "
            f"{row['gradient_us']:,.0f} | {row['speedup']:.1f} | {speed} | {width} | "
            f"{row['peak_rss_mb']:.0f} |"
        )
    return "\n".join(lines) + "\n"


def machine():
    """Describe this machine without naming it."""
    model = "unknown processor"
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as file:
            names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
        model = names[0] if names else model
    return f"{platform.machine()}, {model}, {os.cpu_count()} cores"


def summarise(place, name, found, base):
    """Turn the rounds of one case into a row."""
    network, batch, threads = place
    microseconds = median(row["gradient_us"] for row in found)
    macs, size = found[0].get("macs"), found[0].get("weight_bytes")
    return {
        "network": network,
        "batch": batch,
        "threads": threads,
        "name": name,
        "gradient_us": microseconds,
        "rounds_us": [row["gradient_us"] for row in found],
        "speedup": base / microseconds,
        "recovery_ms": found[0].get("recovery_ms"),
        "gmac_per_s": None if macs is None else macs * batch / microseconds / 1e3,
        "gb_per_s": None if size is None else size / microseconds / 1e3,
        "peak_rss_mb": max(row["peak_rss_mb"] for row in found),
    }


def main():
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 16])
    parser.add_argument("--threads", nargs="+", type=int, default=[1])
    parser.add_argument("--rivals", nargs="+", choices=RIVALS, default=["torch eager"])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    options.widths = [*((bits, 32) for bits in WIDTHS), (4, 8), (1, 8), (4, 4)]
    with tempfile.TemporaryDirectory() as scratch:
        folder = {
            (network, bits, sensing): write_timed_bundle(Path(scratch), network, bits, sensing)
            for network in options.networks
            for bits, sensing in options.widths
        }
        peaks = work({"rival": "roofline"})
        rounds = {}
        for _ in range(ROUNDS):
            for place, name, measure in cases(folder, options):
                row = measure()
                print(place, name, row and f"{row['gradient_us']:,.0f} us", file=sys.stderr)
                if row is not None:
                    rounds.setdefault((place, name), []).append(row)
    base = {
        place: median(row["gradient_us"] for row in found)
        for (place, name), found in rounds.items()
        if name == "torch eager"
    }
    rows = [summarise(place, name, found, base[place]) for (place, name), found in rounds.items()]
    text = table(rows, peaks)
    print(text)
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        result = {"machine": machine(), "peaks": peaks, "rounds": ROUNDS, "rows": rows}
        (options.out / "gradient.json").write_text(json.dumps(result, indent=1) + "\n")
        (options.out / "gradient.md").write_text(text)


if __name__ == "__main__":
    main()
