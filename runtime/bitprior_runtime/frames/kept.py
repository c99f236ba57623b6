"""The last few frames of a prior: their engines hold memory, and a stream returns to its own."""

from collections import OrderedDict
from collections.abc import Callable
from typing import TypeAlias

from bitprior_runtime.frames.framed import PriorAtFrame

# Frame, engine, kernel, threads, activation bits.
Key: TypeAlias = tuple[tuple[int, int], str, str, int | None, int | None]

MOST = 4


class KeptFrames:
    """Priors at frames, the MOST that were used last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, PriorAtFrame] = OrderedDict()

    def get(self, key: Key, make: Callable[[], PriorAtFrame]) -> PriorAtFrame:
        """Return what a key stands for, made if it is not there."""
        if key not in self._kept:
            self._kept[key] = make()
        self._kept.move_to_end(key)
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return self._kept[key]

    def __len__(self) -> int:
        return len(self._kept)
