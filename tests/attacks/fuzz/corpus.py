"""Write what atheris begins with: ``python -m attacks.fuzz.corpus FOLDER``, a folder a reader."""

import random
import sys
from pathlib import Path

import builders.no_torch  # noqa: F401 - before the seeds
from attacks.fuzz import cameras, operators
from attacks.fuzz.arrays import npy, npz, strange_values
from attacks.fuzz.mutate import mutated
from attacks.fuzz.seeds import ZOO, seeds
from builders.forgery import put_together, take_apart

EACH = 40


def main() -> None:
    """Write the folders."""
    folder, rng = Path(sys.argv[1]), random.Random(0)
    small = [data for name, data in seeds().items() if name not in ZOO]
    arrays = [npy(strange_values(rng, (2, 3)), rng) for _ in range(EACH)]
    found = {
        # Sealed again, and as they are: a mutation of bytes alone dies of the digest.
        "bundle": [*small, *(mutated(put_together(take_apart(small[0])), n) for n in range(EACH))],
        "npy": arrays,
        "npz": [npz({"y": data, "A": data}, rng) for data in arrays],
        "operator": [
            operators.operator_text(rng).encode("utf-8", "surrogatepass") for _ in range(10 * EACH)
        ],
        "measured": [npz({"y": data, "frame": data}, rng) for data in arrays],
        "camera": [cameras.toml(rng, "r.npy").encode("utf-8", "replace") for _ in range(EACH)],
        "text": [cameras.text(rng, cameras.readings(rng)) for _ in range(EACH)],
    }
    for name, files in found.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number, data in enumerate(files):
            (folder / name / f"{number:03d}").write_bytes(data)


if __name__ == "__main__":
    main()
