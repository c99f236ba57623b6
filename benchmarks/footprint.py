"""What an installation and a recovery cost in bytes: a board's environment beside torch.

    python benchmarks/footprint.py MODEL.bitprior

Builds the wheel, installs it into an environment of its own and recovers golden case 0 there, in a
process of its own; then does the same with torch in this environment. Prints JSON: installed MB and
peak resident MB.
"""

import json
import subprocess
import sys
import tempfile
from importlib.metadata import distribution, requires
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
RECOVER = """
import sys
from bitprior_runtime import load
model = load(sys.argv[1])
model.recover(model.bundle.golden.measurements[:1], engine=sys.argv[2], kernel=sys.argv[3])
"""
TORCH = """
import sys
sys.path.insert(0, {here!r})
import torch
from bitprior_runtime.bundle import read_bundle
from torch_program import torch_gradient
bundle = read_bundle(sys.argv[1])
gradient = torch_gradient(bundle)
z, y = bundle.golden.latents[:1], bundle.golden.measurements[:1]
for _ in range(50):
    z = z - bundle.manifest.solver.step_size * gradient(z, y)[1]
"""
PEAK = """
print([line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")][0])
"""


def peak(python, code, *arguments):
    """Run code in a process of its own; return its peak resident MB."""
    done = subprocess.run(
        [python, "-c", code + PEAK, *arguments], capture_output=True, text=True, check=True
    )
    return int(done.stdout.split()[-1]) * 1024 / 1e6


def size(paths):
    """Return the MB of files."""
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6


def needed(name, known):
    """Add a distribution and all that it needs to ``known``."""
    if name.lower() in known:
        return
    known[name.lower()] = distribution(name)
    for line in requires(name) or []:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            needed(requirement.name, known)


def board(model, scratch):
    """Measure an environment with the wheel and its core dependencies."""
    pip = [sys.executable, "-m", "pip", "--quiet"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", scratch, ROOT],
        check=True,
    )
    (wheel,) = Path(scratch).glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", f"{scratch}/venv"], check=True)
    python = f"{scratch}/venv/bin/python"
    constraints = ROOT / "constraints.txt"
    subprocess.run([*pip, "--python", python, "install", "-c", constraints, wheel], check=True)
    files = (Path(scratch) / "venv/lib").rglob("*")
    runs = {
        f"{engine}/{kernel}": peak(python, RECOVER, model, engine, kernel)
        for engine, kernel in (("float", "native"), ("float", "numpy"), ("integer", "native"))
    }
    return {"installed_mb": size(files), "peak_rss_mb": runs}


def main(model):
    """Measure both and print."""
    with tempfile.TemporaryDirectory() as scratch:
        ours = board(model, scratch)
    packages = {}
    needed("torch", packages)
    files = [Path(file.locate()) for one in packages.values() for file in one.files or []]
    code = TORCH.format(here=str(Path(__file__).parent))
    torch = {"installed_mb": size(files), "peak_rss_mb": peak(sys.executable, code, model)}
    print(json.dumps({"board": ours, "torch": torch}, indent=1))


if __name__ == "__main__":
    main(sys.argv[1])
