"""Programs to and from the manifest's JSON; integers stay integers and floats floats."""

from collections.abc import Mapping
from typing import cast

from bitprior_runtime.bundle import fields
from bitprior_runtime.bundle.errors import (
    EXPORT_AGAIN,
    InconsistentManifestError,
    ValueRangeError,
    WrongTypeError,
    quote,
)
from bitprior_runtime.bundle.limits import (
    MAX_ATTRIBUTE_VALUES,
    MAX_ATTRIBUTES,
    MAX_BLOCKS,
    MAX_INTEGER,
    MAX_NODE_INPUTS,
    MAX_NODES,
)
from bitprior_runtime.bundle.manifest import CodesEntry, FloatEntry, ProgramEntry, TensorEntry
from bitprior_runtime.bundle.strict_json import Json
from bitprior_runtime.program import Attribute, Node
from bitprior_runtime.tensors import GRIDS, Grid

_BITS = range(1, 9)
# The widths at which a grid has at least two levels and is not another grid's twin.
GRID_BITS: Mapping[Grid, range] = {
    "binary": range(1, 2),
    "wide": range(2, 9),
    "narrow": range(2, 9),
    "mid-rise": range(2, 9),
}


def program_to_json(entry: ProgramEntry) -> dict[str, Json]:
    """Return the JSON of a program."""
    return {
        "inputs": {name: list(shape) for name, shape in entry.inputs.items()},
        "nodes": [_node_to_json(node) for node in entry.nodes],
        "output": entry.output,
        "tensors": {name: _tensor_to_json(tensor) for name, tensor in entry.tensors.items()},
    }


def program_from_json(value: Json, where: str) -> ProgramEntry:
    """Parse a program.

    Raises:
        ManifestError: One of its subclasses.
    """
    found = fields.record(value, where, ("inputs", "nodes", "output", "tensors"))
    inputs = fields.mapping(found["inputs"], f"{where}.inputs")
    nodes = fields.array(found["nodes"], f"{where}.nodes", MAX_NODES)
    tensors = fields.mapping(found["tensors"], f"{where}.tensors")
    _check_count(tensors, f"{where}.tensors", MAX_BLOCKS)
    return ProgramEntry(
        inputs={
            fields.name(name, f"{where}.inputs"): fields.shape(shape, f"{where}.inputs.{name}")
            for name, shape in inputs.items()
        },
        output=fields.name(found["output"], f"{where}.output"),
        nodes=tuple(
            _node_from_json(node, f"{where}.nodes[{index}]") for index, node in enumerate(nodes)
        ),
        tensors={
            fields.name(name, f"{where}.tensors"): _tensor_from_json(
                tensor, f"{where}.tensors.{name}"
            )
            for name, tensor in tensors.items()
        },
    )


def _node_to_json(node: Node) -> dict[str, Json]:
    return {
        "attributes": {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in node.attributes.items()
        },
        "inputs": list(node.inputs),
        "op": node.op,
        "output": node.output,
    }


def _node_from_json(value: Json, where: str) -> Node:
    found = fields.record(value, where, ("attributes", "inputs", "op", "output"))
    inputs = fields.array(found["inputs"], f"{where}.inputs", MAX_NODE_INPUTS)
    attributes = fields.mapping(found["attributes"], f"{where}.attributes")
    _check_count(attributes, f"{where}.attributes", MAX_ATTRIBUTES)
    return Node(
        op=fields.name(found["op"], f"{where}.op"),
        inputs=tuple(fields.name(name, f"{where}.inputs") for name in inputs),
        output=fields.name(found["output"], f"{where}.output"),
        attributes={
            fields.name(name, f"{where}.attributes"): _attribute(item, f"{where}.{name}")
            for name, item in attributes.items()
        },
    )


def _attribute(value: Json, where: str) -> Attribute:
    if isinstance(value, list):
        items = fields.array(value, where, MAX_ATTRIBUTE_VALUES)
        kind = type(items[0]) if items else int
        if kind not in (int, float) or any(type(item) is not kind for item in items):
            raise WrongTypeError(
                f"integers only, or floats only, in {where}", quote(value), EXPORT_AGAIN
            )
        return cast(Attribute, tuple(items))
    if isinstance(value, str):
        return fields.text(value, where)
    if type(value) is int:
        return fields.integer(value, where, -MAX_INTEGER, MAX_INTEGER)
    if type(value) is float:
        return value
    raise WrongTypeError(
        f"a number, a string or an array of numbers in {where}", quote(value), EXPORT_AGAIN
    )


def _tensor_to_json(entry: TensorEntry) -> dict[str, Json]:
    if isinstance(entry, FloatEntry):
        return {"kind": "float", "shape": list(entry.shape)}
    return {
        "axis": entry.axis,
        "bits": entry.bits,
        "grid": entry.grid,
        "kind": "codes",
        "shape": list(entry.shape),
    }


def _tensor_from_json(value: Json, where: str) -> TensorEntry:
    kind = fields.mapping(value, where).get("kind")
    if kind is not None and fields.choice(kind, f"{where}.kind", ("codes", "float")) == "float":
        found = fields.record(value, where, ("kind", "shape"))
        return FloatEntry(fields.shape(found["shape"], f"{where}.shape"))
    found = fields.record(value, where, ("axis", "bits", "grid", "kind", "shape"))
    shape = fields.shape(found["shape"], f"{where}.shape")
    bits = fields.integer(found["bits"], f"{where}.bits", _BITS[0], _BITS[-1])
    grid = fields.choice(found["grid"], f"{where}.grid", GRIDS)
    if bits not in GRID_BITS[grid]:
        allowed = GRID_BITS[grid]
        raise InconsistentManifestError(
            f"{allowed[0]} to {allowed[-1]} bits on the {grid} grid in {where}",
            f"{bits}",
            EXPORT_AGAIN,
        )
    axis = found["axis"]
    if axis is not None:
        axis = fields.integer(axis, f"{where}.axis", 0, len(shape) - 1)
    return CodesEntry(bits=bits, grid=grid, shape=shape, axis=axis)


def _check_count(found: Mapping[str, Json], where: str, most: int) -> None:
    if len(found) > most:
        raise ValueRangeError(f"at most {most} entries in {where}", f"{len(found)}", EXPORT_AGAIN)
