"""Names of a program's tensors, from whatever a stranger's graph calls them."""

import re
from collections.abc import Mapping

_FORBIDDEN = re.compile(r"[^A-Za-z0-9_.:+-]+")
_MAX_LENGTH = 200


class ProgramNames:
    """The program's names of the graph's tensors, all different.

    Args:
        names: Program names that some tensors of the graph must get.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = dict(names)
        self._taken = set(names.values())
        self._counts: dict[str, int] = {}

    def of(self, name: str) -> str:
        """Return the program's name of a tensor of the graph."""
        if name not in self._names:
            self._names[name] = self.fresh(name)
        return self._names[name]

    def known(self) -> Mapping[str, str]:
        """Return the names so far by the graph's names."""
        return self._names

    def name_after(self, name: str, wish: str) -> None:
        """Name a tensor of the graph like another one, if it has no name yet."""
        if name not in self._names:
            self._names[name] = self.fresh(wish)

    def fresh(self, wish: str) -> str:
        """Return ``wish`` with only the characters of a bundle's names, not taken yet."""
        segments = [_FORBIDDEN.sub("_", part).lstrip(".:+-") for part in wish.split("/")]
        plain = "/".join(part for part in segments if part)[:_MAX_LENGTH].rstrip("/") or "tensor"
        name, count = plain, self._counts.get(plain, 1)
        while name in self._taken:
            count += 1
            name = f"{plain}_{count}"
        self._counts[plain] = count
        self._taken.add(name)
        return name
