"""Tensor blocks: which ones a manifest asks for, and how a program becomes blocks and back.

Block names: ``generator/<tensor>#codes`` and ``#scale`` for a quantised tensor,
``generator/<tensor>`` for a float one, likewise of the other programs; ``golden/<field>``, and
``search/<field>`` of a learned search.
No name of a tensor can hold a ``#``, so no two tensors share a block.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.bundle.bitplanes import pack, plane_bytes, unpack
from bitprior_runtime.bundle.bundle import GoldenCases
from bitprior_runtime.bundle.limits import TRACE_STEPS
from bitprior_runtime.bundle.manifest import (
    CodesEntry,
    FloatEntry,
    Manifest,
    ProgramEntry,
    ProgramName,
    TensorEntry,
)
from bitprior_runtime.program import Program, Shape
from bitprior_runtime.tensors import FloatTensor, QuantisedTensor, Tensor

Dtype: TypeAlias = Literal["U8", "F32"]
ITEM_BYTES: Mapping[Dtype, int] = {"U8": 1, "F32": 4}
LATENTS = "golden/latents"


@dataclass(frozen=True)
class BlockSpec:
    """Element type and shape of a block."""

    dtype: Dtype
    shape: Shape

    @property
    def size(self) -> int:
        """Bytes."""
        return math.prod(self.shape) * ITEM_BYTES[self.dtype]


def program_specs(which: ProgramName, entry: ProgramEntry) -> dict[str, BlockSpec]:
    """Return the blocks of a program by name."""
    specs = {}
    for name, tensor in entry.tensors.items():
        block = f"{which}/{name}"
        if isinstance(tensor, FloatEntry):
            specs[block] = BlockSpec("F32", tensor.shape)
            continue
        planes = (tensor.bits, plane_bytes(math.prod(tensor.shape)))
        channels = () if tensor.axis is None else (tensor.shape[tensor.axis],)
        specs[f"{block}#codes"] = BlockSpec("U8", planes)
        specs[f"{block}#scale"] = BlockSpec("F32", channels)
    return specs


def golden_specs(manifest: Manifest, cases: int) -> dict[str, BlockSpec]:
    """Return the blocks of ``cases`` golden cases by name."""
    k, m = manifest.latent, manifest.measurement.size
    shapes: dict[str, Shape] = {
        "latents": (cases, k),
        "measurements": (cases, m),
        "images": (cases, *manifest.geometry),
        "sensed": (cases, m),
        "gradients": (cases, k),
        "losses": (cases,),
        "trace": (TRACE_STEPS + 1, cases),
    }
    return {f"golden/{name}": BlockSpec("F32", shape) for name, shape in shapes.items()}


def entry_of(program: Program) -> ProgramEntry:
    """Return what the manifest says of a program."""
    return ProgramEntry(
        inputs=dict(program.inputs),
        output=program.output,
        nodes=tuple(program.nodes),
        tensors={name: _entry(tensor) for name, tensor in program.tensors.items()},
    )


def program_blocks(which: ProgramName, program: Program) -> dict[str, NDArray[Any]]:
    """Return the values of a program's blocks by name.

    Raises:
        UsageError: A code does not fit the tensor's bit width.
    """
    blocks: dict[str, NDArray[Any]] = {}
    for name, tensor in program.tensors.items():
        if isinstance(tensor, FloatTensor):
            blocks[f"{which}/{name}"] = tensor.array
        else:
            blocks[f"{which}/{name}#codes"] = pack(tensor.codes, tensor.bits)
            blocks[f"{which}/{name}#scale"] = tensor.scale
    return blocks


def golden_blocks(golden: GoldenCases) -> dict[str, NDArray[np.float32]]:
    """Return the values of the golden cases' blocks by name."""
    return {f"golden/{item.name}": getattr(golden, item.name) for item in fields(golden)}


def program_from_blocks(
    which: ProgramName, entry: ProgramEntry, blocks: Mapping[str, NDArray[Any]]
) -> Program:
    """Build a program from blocks whose types and shapes were already checked.

    Raises:
        PadBitsError: A pad bit of a bit plane is set.
    """
    return Program(
        name=which,
        inputs=entry.inputs,
        output=entry.output,
        nodes=entry.nodes,
        tensors={
            name: _tensor(f"{which}/{name}", tensor, blocks)
            for name, tensor in entry.tensors.items()
        },
    )


def golden_from_blocks(blocks: Mapping[str, NDArray[Any]]) -> GoldenCases:
    """Build the golden cases from blocks whose types and shapes were already checked."""
    return GoldenCases(**{item.name: blocks[f"golden/{item.name}"] for item in fields(GoldenCases)})


def _entry(tensor: Tensor) -> TensorEntry:
    if isinstance(tensor, FloatTensor):
        return FloatEntry(tensor.shape)
    return CodesEntry(tensor.bits, tensor.grid, tensor.shape, tensor.axis)


def _tensor(block: str, entry: TensorEntry, blocks: Mapping[str, NDArray[Any]]) -> Tensor:
    if isinstance(entry, FloatEntry):
        return FloatTensor(blocks[block])
    codes = unpack(blocks[f"{block}#codes"], entry.shape, entry.bits)
    codes.setflags(write=False)
    return QuantisedTensor(codes, entry.bits, entry.grid, blocks[f"{block}#scale"], entry.axis)
