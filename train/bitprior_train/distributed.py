"""Data-parallel training under torchrun: who a process is, and what all of them agree on.

Why not torch's DistributedDataParallel: it averages gradients in hooks of ``backward()``, and wants
the module's own ``forward``. A step of ours calls the networks functionally, several times over,
and takes ``torch.autograd.grad`` of that, also inside the step. So the gradients are averaged as
DDP does it, by one all-reduce of all of them, right after they are known.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bitprior_runtime.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Ranks:
    """A process among those that carry out one run together.

    torch.distributed is touched only if there are several.

    Attributes:
        rank: Its number, from 0. Number 0 alone writes, validates and prints.
        size: How many there are.
        local: Its number on its machine.
    """

    rank: int = 0
    size: int = 1
    local: int = 0

    @property
    def first(self) -> bool:
        """Whether this process is number 0."""
        return self.rank == 0

    def share(self, batch: int) -> slice:
        """Return which part of a batch is this process's."""
        each = batch // self.size
        return slice(self.rank * each, (self.rank + 1) * each)

    def means(self, tensors: Sequence["Tensor"]) -> "tuple[Tensor, ...]":
        """Return each tensor averaged over the processes: one all-reduce for all of them.

        Losses are means over a batch, and all shares are of one size: the mean of the shares' is
        the whole batch's.
        """
        if self.size == 1:
            return tuple(tensors)
        import torch
        from torch import distributed

        flat = torch.cat([t.detach().flatten() for t in tensors])
        distributed.all_reduce(flat)
        parts = (flat / self.size).split([t.numel() for t in tensors])
        return tuple(part.view_as(t) for part, t in zip(parts, tensors, strict=True))

    def agree(self, flag: bool) -> bool:
        """Return what process 0 says; nobody goes on before it has."""
        if self.size == 1:
            return flag
        import torch
        from torch import distributed

        said = torch.tensor(int(flag))
        distributed.broadcast(said, src=0)
        return bool(said)


def ranks_of(environment: Mapping[str, str] = os.environ) -> Ranks:
    """Return what torchrun has said in the environment; without torchrun, the only process."""
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    if not all(name in environment for name in names):
        return Ranks()
    return Ranks(*(int(environment[name]) for name in names))


@contextmanager
def joined(ranks: Ranks, device: str) -> Iterator[None]:
    """Join the other processes, all of which must, and leave them at the end.

    Args:
        ranks: Who this process is.
        device: Type of the device that it trains on, ``cpu`` or ``cuda``.
    """
    if ranks.size == 1:
        yield
        return
    from torch import distributed

    # What is agreed upon lies in main memory wherever the gradients are.
    distributed.init_process_group("gloo" if device == "cpu" else "cpu:gloo,cuda:nccl")
    try:
        yield
    finally:
        distributed.destroy_process_group()


def check_shares(batch: int, ranks: Ranks, key: str = "optimiser.batch") -> None:
    """Refuse a batch, set by ``key``, that cannot be divided evenly among the processes.

    Raises:
        UsageError: It cannot.
    """
    if batch % ranks.size:
        raise UsageError(
            f"a value of {key} that {ranks.size} processes can share evenly",
            str(batch),
            f"set it to a multiple of {ranks.size}, or start fewer processes",
        )
