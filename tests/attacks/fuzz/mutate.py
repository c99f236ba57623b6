"""Structured mutations of a bundle: names, attributes, shapes and numbers that mean something."""

import math
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from bitprior_runtime.ops import OPS
from builders.forgery import Parts, put_together, take_apart

WHOLE = (0, 1, -1, 2, 3, 4, 5, 7, 16, 255, 256, 257, 2048, 2049, 65536, 65537, 2**27, 2**31 - 1,
         2**31, 2**33, 2**59, 2**62, 2**63 - 1, -(2**31), -(2**62))  # fmt: skip
REAL = (0.0, -1.0, 1.0, 0.5, 1e-6, 1e-18, 1e-30, 1e-45, 5e-324, 1e6, 1e18, 1e30, 3e38, 1e300)
MODES = ("", "linear", "nearest", "reflect", "edge", "asymmetric", "DCR", "CRD")
FLOAT32 = (0.0, -0.0, 1.0, -1.0, 1e-45, -1e-38, 3e38, -3e38, 1e20, math.nan, math.inf)
MOST_CHANGES = 3
Change = Callable[[random.Random, Parts], None]


def mutated(data: bytes, seed: int) -> bytes:
    """Return a file that differs from ``data`` in one to MOST_CHANGES places, sealed again."""
    rng, parts = random.Random(seed), take_apart(data)
    for _ in range(rng.randint(1, MOST_CHANGES)):
        try:
            rng.choice(CHANGES)(rng, parts)
        except (LookupError, TypeError, ValueError):
            continue  # an earlier change has taken away what this one needs
    return put_together(parts)


def _nodes(rng: random.Random, parts: Parts) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = rng.choice(list(parts.manifest["programs"].values()))["nodes"]
    return nodes


def _near(rng: random.Random, value: Any) -> Any:
    """Return another value of the same kind, mostly."""
    if isinstance(value, bool) or value is None:
        return rng.choice((True, False, None, 1))
    if isinstance(value, int):
        return rng.choice((*WHOLE, value + 1, value - 1, value * 2, -value))
    if isinstance(value, float):
        return rng.choice((*REAL, value * 2, -value))
    if isinstance(value, str):
        return rng.choice((*MODES, value[::-1]))
    if isinstance(value, list) and value:
        changed = list(value)
        place = rng.randrange(len(changed))
        changed[place] = _near(rng, changed[place])
        return rng.choice((changed, changed, changed, changed[:-1], [*changed, changed[-1]], []))
    return value


def attribute(rng: random.Random, parts: Parts) -> None:
    """Change an attribute, or set one that an op has and the node leaves out."""
    node = rng.choice(_nodes(rng, parts))
    known = {name: _plain(value) for name, value in OPS[node["op"]].attributes.items()}
    whole = {**known, **node["attributes"]}
    name = rng.choice(list(whole))
    node["attributes"][name] = _near(rng, whole[name])


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def window(rng: random.Random, parts: Parts) -> None:
    """Give a convolution or a pool a stride and a pad that keep its output small."""
    found = [
        node
        for program in parts.manifest["programs"].values()
        for node in program["nodes"]
        if "pads" in OPS[node["op"]].attributes and node["op"] != "Pad"
    ]
    size = 2 ** rng.choice((1, 2, 4, 10, 15, 16, 17, 27, 30, 31, 33, 59, 62))
    changes = {"strides": [size, 1], "pads": [size, 0, 0, 0]}
    attributes = rng.choice(found)["attributes"]
    attributes |= changes
    if rng.random() < 0.3:
        attributes["dilations"] = [1, size]


def op(rng: random.Random, parts: Parts) -> None:
    """Make a node another op."""
    rng.choice(_nodes(rng, parts))["op"] = rng.choice(list(OPS))


def wiring(rng: random.Random, parts: Parts) -> None:
    """Let a node read something else."""
    program = rng.choice(list(parts.manifest["programs"].values()))
    node = rng.choice(program["nodes"])
    names = [*program["inputs"], *program["tensors"], *(n["output"] for n in program["nodes"])]
    place = rng.randrange(len(node["inputs"]))
    rng.choice(
        (
            lambda: node["inputs"].__setitem__(place, rng.choice(names)),
            lambda: node["inputs"].append(rng.choice(names)),
            lambda: node["inputs"].pop(place),
        )
    )()


def dropped(rng: random.Random, parts: Parts) -> None:
    """Take a node out and wire what read it to its input."""
    nodes = _nodes(rng, parts)
    node = nodes.pop(rng.randrange(len(nodes)))
    for other in nodes:
        other["inputs"] = [node["inputs"][0] if n == node["output"] else n for n in other["inputs"]]


def grown(rng: random.Random, parts: Parts) -> None:
    """Put a node of one input between two others: a Resize and back, a Concat with itself, ..."""
    nodes = _nodes(rng, parts)
    at = rng.randrange(len(nodes))
    source, name = nodes[at]["output"], f"grown.{rng.randrange(10**6)}"
    side = rng.choice((1, 2, 8, 64, 256, 2048))
    made = rng.choice(
        (
            {"op": "Resize", "attributes": {"sizes": [side, side], "mode": "linear"}},
            {"op": "Resize", "attributes": {"sizes": [side, 3], "mode": "nearest"}},
            {"op": "Concat", "attributes": {"axis": rng.choice((1, 2, 3))}},
            {"op": "Pad", "attributes": {"pads": [0, 0, side, 0, 0, side]}},
            {"op": rng.choice(("Exp", "Log", "Sqrt", "Neg", "Softplus")), "attributes": {}},
            {"op": "InstanceNormalization", "attributes": {"epsilon": rng.choice(REAL)}},
        )
    )
    count = 16 if made["op"] == "Concat" else 1
    nodes.insert(at + 1, {**made, "inputs": [source] * count, "output": name})
    for other in nodes[at + 2 :]:
        other["inputs"] = [name if n == source else n for n in other["inputs"]]


def calibration(rng: random.Random, parts: Parts) -> None:
    """Change calibrated ranges, of one activation or of all of a program."""
    absmax = parts.manifest["calibration"]["absmax"]
    ranges, value = absmax[rng.choice(list(absmax))], rng.choice(REAL)
    for name in rng.choice(([rng.choice(list(ranges))], list(ranges))):
        ranges[name] = value


def _leaves(value: Any) -> Iterator[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in list(items):
        if isinstance(item, dict | list) and item:
            yield from _leaves(item)
        else:
            yield value, key


def manifest(rng: random.Random, parts: Parts) -> None:
    """Change any leaf of the manifest but its nodes and hashes."""
    rest = {k: v for k, v in parts.manifest.items() if k not in ("programs", "sha256")}
    where, key = rng.choice(list(_leaves(rest)))
    if where is rest:
        parts.manifest[key] = _near(rng, where[key])
    else:
        where[key] = _near(rng, where[key])


def floats(rng: random.Random, parts: Parts) -> None:
    """Put extreme values into a float block, a few or all of it."""
    names = [name for name, entry in parts.table.items() if entry["dtype"] == "F32"]
    place = parts.place(rng.choice(names))
    values = np.frombuffer(bytes(parts.data[place]), "<f4").copy()
    value = rng.choice(FLOAT32)
    count = rng.choice((1, 3, values.size))
    values[[rng.randrange(values.size) for _ in range(min(count, 64))]] = value
    if count == values.size:
        values[:] = value
    parts.data[place] = values.tobytes()


def codes(rng: random.Random, parts: Parts) -> None:
    """Put random bytes into a block of codes."""
    names = [name for name, entry in parts.table.items() if entry["dtype"] == "U8"]
    place = parts.place(rng.choice(names))
    parts.data[place] = rng.randbytes(place.stop - place.start)


CHANGES: tuple[Change, ...] = (
    attribute, attribute, attribute, window, window, op, wiring, dropped, grown, grown, calibration,
    manifest, floats, floats, codes,
)  # fmt: skip
