"""ONNX files beside a bundle, mutated, with their right hashes in its manifest."""

import hashlib
import random
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from attacks.fuzz.bundles import NAME, at_frame, frame_and_operator, operated, own_sensing
from attacks.fuzz.mutate import WHOLE, mutated
from attacks.fuzz.seeds import seed_of, seeds
from attacks.fuzz.tries import Tries
from bitprior_export.artefacts.build import build_artefacts
from bitprior_export.errors import ExportError
from bitprior_runtime.bundle import decode_bundle
from bitprior_runtime.errors import BitpriorError
from bitprior_runtime.model import load
from bitprior_runtime.profiles import load_profile
from builders.forgery import put_together, take_apart

SEEDS = ("tiny-4", "tiny-32", "fista", "photo-4")
FOLDER = "m-onnx"
OPS = ("Relu", "Tanh", "Neg", "Identity", "Shape", "Cast", "Reshape", "Transpose", "Flatten",
       "Conv", "MatMul", "Gather", "Concat", "Expand", "Tile", "Pad", "Resize", "Loop", "If",
       "NoSuchOp", "TopK", "Where", "ConstantOfShape", "NonZero", "Sqrt", "Log")  # fmt: skip
Change = Callable[[random.Random, onnx.ModelProto], None]


def made(rng: random.Random) -> tuple[str, dict[str, bytes], Callable[[Path], Tries]]:
    """Return the seed's name, the bundle with its ONNX files, and what is done with them."""
    name = rng.choice(SEEDS)
    parts, graphs = take_apart(seeds()[name]), dict(_graphs(name))
    if rng.random() < 0.3:
        name, parts, graphs = _exported(rng)
    if graphs and rng.random() < 0.9:
        kind = rng.choice(list(graphs))
        graphs[kind] = changed(rng, graphs[kind])
    hashes = {f"{kind}.onnx": hashlib.sha256(data).hexdigest() for kind, data in graphs.items()}
    parts.manifest["companions"] = hashes
    files = {f"{FOLDER}/{kind}.onnx": data for kind, data in graphs.items()}
    seed = rng.randrange(2**32)
    return name, {NAME: put_together(parts), **files}, lambda folder: attempt(folder / NAME, seed)


def attempt(path: Path, seed: int) -> Tries:
    """Load the bundle and do everything on the onnx engine."""
    tries, rng = Tries(), random.Random(seed)
    model = tries.go("load", lambda: load(path))
    if model is None:
        return Tries(foreign=tries.foreign)
    tries = Tries(loaded=True)
    own_sensing(tries, model, "onnx", "onnxruntime", None)
    frame, operator = frame_and_operator(rng, model.geometry)
    at_frame(tries, model, "onnx", "onnxruntime", frame)
    if operator is not None:
        operated(tries, model, "onnx", "onnxruntime", operator, rng)
    return tries


@cache
def _graphs(name: str) -> Mapping[str, bytes]:
    models = build_artefacts(decode_bundle(seeds()[name]), load_profile("pc"))
    return {kind: model.SerializeToString() for kind, model in models.items()}


def _exported(rng: random.Random) -> tuple[str, Any, dict[str, bytes]]:
    """Return a mutated bundle with the files that export makes of it, if it makes any."""
    name = seed_of(rng)
    data = mutated(seeds()[name], rng.randrange(2**32))
    try:
        models = build_artefacts(decode_bundle(data), load_profile("pc"))
    except (BitpriorError, ExportError):
        return name, take_apart(data), {}
    return (
        name,
        take_apart(data),
        {kind: model.SerializeToString() for kind, model in models.items()},
    )


def changed(rng: random.Random, data: bytes) -> bytes:
    """Return an ONNX file that differs in a few places."""
    if rng.random() < 0.05:
        place = rng.randrange(len(data))
        return data[:place] + rng.randbytes(rng.randint(1, 8)) + data[place + rng.randrange(9) :]
    model = onnx.load_from_string(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        try:
            rng.choice(CHANGES)(rng, model)
        except (LookupError, TypeError, ValueError, OverflowError):
            continue
    return model.SerializeToString()


def _node(rng: random.Random, model: onnx.ModelProto) -> onnx.NodeProto:
    return rng.choice(list(_every_node(model.graph)))


def _every_node(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    found = list(graph.node)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                found += _every_node(attribute.g)
    return found


def attribute(rng: random.Random, model: onnx.ModelProto) -> None:
    """Change an attribute."""
    found = rng.choice([a for node in _every_node(model.graph) for a in node.attribute])
    if found.ints:
        found.ints[rng.randrange(len(found.ints))] = rng.choice(WHOLE)
    elif found.type == onnx.AttributeProto.INT:
        found.i = rng.choice(WHOLE)
    elif found.type == onnx.AttributeProto.FLOAT:
        found.f = rng.choice((0.0, -1.0, float("nan"), 3e38))
    elif found.type == onnx.AttributeProto.STRING:
        found.s = rng.choice((b"", b"linear", b"\xff\xfe"))


def op(rng: random.Random, model: onnx.ModelProto) -> None:
    """Make a node another op."""
    _node(rng, model).op_type = rng.choice(OPS)


def wiring(rng: random.Random, model: onnx.ModelProto) -> None:
    """Let a node read something else."""
    node = _node(rng, model)
    names = [name for other in _every_node(model.graph) for name in (*other.input, *other.output)]
    node.input[rng.randrange(len(node.input))] = rng.choice([*names, ""])


def dropped(rng: random.Random, model: onnx.ModelProto) -> None:
    """Take a node out."""
    del model.graph.node[rng.randrange(len(model.graph.node))]


def constant(rng: random.Random, model: onnx.ModelProto) -> None:
    """Change values, shape or type of a constant."""
    tensor = rng.choice(list(model.graph.initializer))
    values = numpy_helper.to_array(tensor).copy()
    flat = values.reshape(-1)
    if rng.random() < 0.3:
        tensor.dims[:] = [rng.choice(WHOLE) for _ in tensor.dims]
        return
    number = rng.choice(WHOLE if values.dtype.kind in "iu" else (0.0, np.nan, np.inf, 3e38, -1e30))
    flat[rng.randrange(flat.size)] = values.dtype.type(number)
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def edges(rng: random.Random, model: onnx.ModelProto) -> None:
    """Rename, retype or reshape an input or output of the graph, or take it out."""
    values = rng.choice((model.graph.input, model.graph.output))
    value = rng.choice(list(values))
    what = rng.randrange(4)
    if what == 0:
        value.name = rng.choice(("", "z", "y", "image", "\x1b[2J\nname"))
    elif what == 1:
        value.type.tensor_type.elem_type = rng.choice((0, 1, 7, 8, 10, 11, 99))
    elif what == 2:
        value.type.tensor_type.shape.dim[0].dim_value = rng.choice(WHOLE)
    else:
        values.remove(value)


def outside(rng: random.Random, model: onnx.ModelProto) -> None:
    """Say that a constant lies in a file elsewhere."""
    tensor = rng.choice(list(model.graph.initializer))
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.ClearField("raw_data")
    del tensor.external_data[:]
    entry = tensor.external_data.add()
    entry.key, entry.value = (
        "location",
        rng.choice(("/etc/passwd", "../m.bitprior", "generate.onnx")),
    )


def huge(rng: random.Random, model: onnx.ModelProto) -> None:
    """Let an output grow: a Tile or an Expand before it."""
    output = rng.choice(list(model.graph.output)).name
    node = next(n for n in model.graph.node if output in n.output)
    count = rng.choice((2, 1000, 10**6, 2**40))
    place = list(node.output).index(output)
    node.output[place] = "fuzz.small"
    model.graph.initializer.append(
        helper.make_tensor("fuzz.times", onnx.TensorProto.INT64, [2], [1, count])
    )
    model.graph.node.append(helper.make_node("Tile", ["fuzz.small", "fuzz.times"], [output]))


CHANGES: tuple[Change, ...] = (
    attribute, attribute, op, wiring, wiring, dropped, constant, constant, constant, constant,
    edges, outside, huge,
)  # fmt: skip
