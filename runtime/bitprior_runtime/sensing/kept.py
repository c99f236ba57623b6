"""What was worked out for the last few operators: a stream comes through the same one again."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")

# As many are kept: two frames, or two kinds of noise, can take turns. Each may have 20 MB.
MOST = 2


class KeptOf(Generic[T]):
    """Results that belong to objects, those of the MOST that were used last.

    An object is known by its identity, and kept alive as long as what belongs to it.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, Hashable], tuple[object, T]] = OrderedDict()

    def get(self, owner: object, name: Hashable, make: Callable[[], T]) -> T:
        """Return what belongs to an object under a name, made if it is not there."""
        key = id(owner), name
        if key not in self._kept:
            while len(self._kept) >= MOST:  # first, so that there are never more than MOST
                self._kept.popitem(last=False)
            self._kept[key] = owner, make()
        self._kept.move_to_end(key)
        return self._kept[key][1]

    def __len__(self) -> int:
        return len(self._kept)
