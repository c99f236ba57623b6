"""Find the first layer in which two exports differ."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from numpy.typing import NDArray
from onnx import TensorProto, helper

from bitprior_export.artefacts.expose import computed_values, exposed, one_step
from bitprior_export.errors import MalformedOnnxError
from bitprior_export.graphs import build_gradient
from bitprior_export.graphs.builder import COTANGENT
from bitprior_runtime.bundle import Bundle, read_bundle
from bitprior_runtime.companions import MAX_BYTES
from bitprior_runtime.errors import MissingFileError, UsageError
from bitprior_runtime.files import read_bytes
from bitprior_runtime.onnx_graph import OnnxGraph
from bitprior_runtime.zoo import find_bundle

Array = NDArray[Any]

# Of the largest magnitude on the way: rounding adds up over the layers.
TOLERANCE = 1e-4
_ROWS, _SEED = 3, 0
_PROGRAMS = ("generator/", "sensing/")


@dataclass(frozen=True)
class Difference:
    """Where two exports part.

    Attributes:
        layer: Name of the value: of a node's output, or of a cotangent.
        ops: Op that writes it in each; empty where there is no such value.
        shapes: Its shape in each.
        difference: Largest difference; None if the shapes differ.
        magnitude: Largest magnitude in the first.
    """

    layer: str
    ops: tuple[str, str]
    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    difference: float | None
    magnitude: float


@dataclass(frozen=True)
class Comparison:
    """What comparing found.

    Attributes:
        layers: Values compared that are equal.
        max_difference: The largest difference among them, relative to the largest magnitude
            on the way.
        first: The first that differs; None if all are equal.
    """

    layers: int
    max_difference: float
    first: Difference | None


@dataclass(frozen=True)
class _Side:
    model: onnx.ModelProto
    bundle: Bundle | None

    @property
    def kind(self) -> str:
        """Kind of the graph, or the names of its inputs if it does not say."""
        said = {entry.key: entry.value for entry in self.model.metadata_props}
        return said.get("kind") or ", ".join(value.name for value in self.model.graph.input)

    def layers(self) -> dict[str, str]:
        """Return the layers to compare with their ops: of the programs if it holds any."""
        values = computed_values(self.model)
        own = {name: op for name, op in values.items() if name.startswith(_PROGRAMS)}
        return own or values


def compare(first: Path, second: Path) -> Comparison:
    """Compare two exports value by value, forward and then the adjoint.

    Args:
        first: A bundle, a folder of ONNX files, or an ONNX file.
        second: Likewise; of an ONNX file, one of the same kind.

    Raises:
        MissingFileError: No such file.
        UsageError: Neither is of a kind that can be compared with the other.
    """
    a, b = _open(first), _open(second)
    if a.kind != b.kind:
        raise UsageError(
            "two exports of one kind: bundles, folders of ONNX files, or files of one name",
            f"{first} ({a.kind}) and {second} ({b.kind})",
            "compare gradient.onnx with gradient.onnx, or name the bundle",
        )
    return _compare(a, b)


def as_text(found: Comparison) -> str:
    """Return what comparing found, for people."""
    equal = f"{found.layers} layers equal, max |Δ| {found.max_difference:.1e}"
    first = found.first
    if first is None:
        return f"Equal: {equal}"
    ops, shapes = (_pair(*each) for each in (first.ops, first.shapes))
    difference = "" if first.difference is None else f", max |Δ| {first.difference:.3g}"
    return (
        f"First difference at {first.layer} ({ops}, shape {shapes}){difference}, "
        f"largest value {first.magnitude:.3g}; before it {equal}"
    )


def _pair(first: Any, second: Any) -> str:
    return f"{first}" if first == second else f"{first or 'none'} and {second or 'none'}"


def _open(path_or_name: Path) -> _Side:
    path = find_bundle(path_or_name)
    if path.is_dir():
        path = path / "gradient.onnx"
    if path.suffix == ".onnx":
        model = _read(path)
        loops = any(node.op_type == "Loop" for node in model.graph.node)
        return _Side(one_step(model) if loops else model, None)
    if not path.exists():
        raise MissingFileError(f"a bundle, a folder or an ONNX file {path}", "none", "check it")
    bundle = read_bundle(path)
    graph = build_gradient(bundle.generator, bundle.sensing, {"kind": "gradient"})
    return _Side(graph, bundle)


def _read(path: Path) -> onnx.ModelProto:
    try:
        model: onnx.ModelProto = onnx.ModelProto.FromString(read_bytes(path, MAX_BYTES))
    except DecodeError as error:
        raise MalformedOnnxError(
            f"an ONNX file {path}", "something else, or cut short", "export it again"
        ) from error
    return model


def _compare(a: _Side, b: _Side) -> Comparison:
    of_a, of_b = a.layers(), b.layers()
    unlike = _unlike_inputs(a, b)
    if unlike:
        return Comparison(0, 0.0, unlike)
    inputs = _inputs(a, b)
    # Values one side does not have are reported when their turn comes.
    values_a, values_b = (_run(s, [*of], inputs) for s, of in ((a, of_a), (b, of_b)))
    largest, worst, count = 0.0, 0.0, 0
    for name in [*of_a, *(other for other in of_b if other not in of_a)]:
        found = _difference(name, (of_a, of_b), (values_a.get(name), values_b.get(name)))
        largest = max(largest, found.magnitude)
        same_op = found.ops[0] == found.ops[1] or name.endswith(COTANGENT)
        if not same_op or found.difference is None or not found.difference <= TOLERANCE * largest:
            return Comparison(count, worst, found)
        worst = max(worst, found.difference / largest if largest else 0.0)
        count += 1
    return Comparison(count, worst, None)


def _difference(
    name: str,
    ops: tuple[Mapping[str, str], Mapping[str, str]],
    values: tuple[Array | None, Array | None],
) -> Difference:
    found = [np.zeros(0) if value is None else value.astype(np.float64) for value in values]
    same = found[0].shape == found[1].shape and None not in (values[0] is None, values[1] is None)
    difference = float(np.abs(found[0] - found[1]).max()) if same else None
    return Difference(
        layer=name,
        ops=(ops[0].get(name, ""), ops[1].get(name, "")),
        shapes=(found[0].shape, found[1].shape),
        difference=difference,
        magnitude=float(np.abs(found[0]).max(initial=0.0)),
    )


def _unlike_inputs(a: _Side, b: _Side) -> Difference | None:
    """Return the first input whose shape without the batch axis is not the same in both."""
    shapes = [_input_shapes(side.model) for side in (a, b)]
    for name in dict.fromkeys([*shapes[0], *shapes[1]]):
        mine, other = (tuple(each.get(name, [0])[1:]) for each in shapes)
        if mine != other:
            return Difference(f"the input {name}", ("input", "input"), (mine, other), None, 0.0)
    return None


def _input_shapes(model: onnx.ModelProto) -> dict[str, list[int]]:
    return {
        value.name: [d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in model.graph.input
    }


def _inputs(a: _Side, b: _Side) -> dict[str, Array]:
    """Return what both are run on: golden cases of a bundle, else seeded values."""
    bundle = a.bundle or b.bundle
    if bundle:
        return {"z": bundle.golden.latents, "y": bundle.golden.measurements}
    rng = np.random.default_rng(_SEED)
    return {value.name: _value(value, rng) for value in a.model.graph.input}


def _value(value: onnx.ValueInfoProto, rng: np.random.Generator) -> Array:
    kind, dims = value.type.tensor_type.elem_type, value.type.tensor_type.shape.dim
    shape = [_ROWS, *(d.dim_value for d in dims[1:])] if dims else []
    if kind == TensorProto.FLOAT:
        # Images are in [0,1]; latents and measurements may be there too.
        return np.asarray(rng.random(shape), dtype=np.float32)
    return np.zeros(shape, dtype=helper.tensor_dtype_to_np_dtype(kind))


def _run(side: _Side, names: list[str], inputs: Mapping[str, Array]) -> dict[str, Array]:
    return OnnxGraph(exposed(side.model, names)).run(inputs)
