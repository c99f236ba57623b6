"""The table of tensor blocks in the header of a safetensors file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from bitprior_runtime.bundle import fields
from bitprior_runtime.bundle.blocks import BlockSpec, Dtype
from bitprior_runtime.bundle.errors import (
    EXPORT_AGAIN,
    FETCH_AGAIN,
    BlockLayoutError,
    BlockShapeError,
    BlockTypeError,
    MissingBlockError,
    TooManyBlocksError,
    TrailingBytesError,
    TruncatedBundleError,
    UnexpectedBlockError,
    quote,
)
from bitprior_runtime.bundle.limits import MAX_BLOCKS, MAX_FILE_BYTES
from bitprior_runtime.bundle.strict_json import Json


@dataclass(frozen=True)
class Block:
    """Where a block lies in the data that follow the header: bytes begin..end - 1."""

    spec: BlockSpec
    begin: int
    end: int


Table = Mapping[str, Block]


def read_table(header: Mapping[str, Json]) -> Table:
    """Return the block table of a parsed header, ordered by place in the file.

    Raises:
        TooManyBlocksError: More than MAX_BLOCKS.
        BlockTypeError: An element type other than U8 and F32.
        ManifestError: An entry with wrong keys, types or values.
    """
    if len(header) - 1 > MAX_BLOCKS:
        raise TooManyBlocksError(
            f"at most {MAX_BLOCKS} tensor blocks", f"{len(header) - 1}", EXPORT_AGAIN
        )
    blocks = {
        name: _block(entry, f"block {quote(name)}")
        for name, entry in header.items()
        if name != "__metadata__"
    }
    return dict(sorted(blocks.items(), key=lambda item: item[1].begin))


def check_length(table: Table, size: int) -> None:
    """Check that ``size`` bytes of tensor data are enough.

    Raises:
        TruncatedBundleError: They are not.
    """
    end = max((block.end for block in table.values()), default=0)
    if size < end:
        raise TruncatedBundleError(f"{end} bytes of tensors", f"{size} bytes", FETCH_AGAIN)


def check_layout(table: Table, size: int) -> None:
    """Check that the blocks follow one another without holes and fill ``size`` bytes.

    Raises:
        BlockLayoutError: They overlap, leave a hole, or are not as long as their shape.
        TrailingBytesError: Bytes follow the last one.
    """
    position = 0
    for name, block in table.items():
        if block.begin != position or block.end - block.begin != block.spec.size:
            raise BlockLayoutError(
                f"block {quote(name)} at bytes {position}..{position + block.spec.size}",
                f"{block.begin}..{block.end}",
                EXPORT_AGAIN,
            )
        position = block.end
    if position != size:
        raise TrailingBytesError(f"{position} bytes of tensors", f"{size}", EXPORT_AGAIN)


def check_blocks(table: Table, expected: Mapping[str, BlockSpec]) -> None:
    """Check that the file has exactly the blocks that its manifest asks for.

    Raises:
        MissingBlockError, UnexpectedBlockError, BlockTypeError, BlockShapeError: It has not.
    """
    for name, spec in expected.items():
        if name not in table:
            raise MissingBlockError(f"a tensor block {quote(name)}", "none", EXPORT_AGAIN)
        found = table[name].spec
        if found.dtype != spec.dtype:
            raise BlockTypeError(f"{spec.dtype} in {quote(name)}", found.dtype, EXPORT_AGAIN)
        if found.shape != spec.shape:
            raise BlockShapeError(
                f"shape {spec.shape} of {quote(name)}", f"{found.shape}", EXPORT_AGAIN
            )
    for name in table:
        if name not in expected:
            raise UnexpectedBlockError(
                "only tensor blocks that the manifest names", quote(name), EXPORT_AGAIN
            )


def _block(value: Json, where: str) -> Block:
    found = fields.record(value, where, ("data_offsets", "dtype", "shape"))
    dtype = fields.text(found["dtype"], f"dtype of {where}")
    offsets = fields.array(found["data_offsets"], f"data_offsets of {where}", 2)
    if len(offsets) != 2:
        raise BlockLayoutError(f"begin and end of {where}", quote(offsets), EXPORT_AGAIN)
    begin, end = (fields.integer(o, f"data_offsets of {where}", 0, MAX_FILE_BYTES) for o in offsets)
    return Block(BlockSpec(_dtype(dtype, where), fields.shape(found["shape"], where)), begin, end)


def _dtype(dtype: str, where: str) -> Dtype:
    known: tuple[Dtype, ...] = get_args(Dtype)
    for option in known:
        if option == dtype:
            return option
    raise BlockTypeError(f"U8 or F32 in {where}", quote(dtype), EXPORT_AGAIN)
