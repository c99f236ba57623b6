"""What stands in an operator's text after its kind: a file, and keys with values."""

import re
from collections.abc import Collection
from typing import Any

from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError
from bitprior_runtime.sensing.files import read_matrix
from bitprior_runtime.sensing.operator import Shape, check_frame, named


class Options:
    """The parts of ``kind:FILE,key=value,key=value``, each taken once.

    A comma in the name of a file is one that no key follows.

    Args:
        text: The whole text, for messages.
        rest: What follows the colon.
        example: How such an operator is written, for messages.

    Attributes:
        file: The file; empty where the text has none.

    Raises:
        UsageError: A key that is given twice.
    """

    def __init__(self, text: str, rest: str, example: str) -> None:
        self.text, self.example = text, example
        parts = re.split(r",(?=\w+=)", rest) if rest else []
        keyed = [re.fullmatch(r"(\w+)=(.*)", part, flags=re.DOTALL) for part in parts]
        self.file = parts[0] if parts and keyed[0] is None else ""
        given = [(found[1], found[2]) for found in keyed if found is not None]
        self._values = dict(given)
        if len(self._values) != len(given):
            raise self.refused("every key once", ", ".join(key for key, _ in given))

    def refused(self, expected: str, found: str) -> UsageError:
        """Return the error that says how such an operator is written."""
        return UsageError(expected, f"{found} in {self.text!r}", f"write it as {self.example}")

    def word(self, key: str, default: str, known: Collection[str] = ()) -> str:
        """Take a word, one of the known ones where there are any.

        Raises:
            UsageError: Another word.
        """
        value = self._values.pop(key, default)
        if known and value not in known:
            raise self.refused(f"{key} to be {', '.join(known)}", f"{key}={value}")
        return value

    def whole(self, key: str, default: int | None = None, least: int = 1) -> int | None:
        """Take a whole number of at most nine digits.

        Raises:
            UsageError: Something else, or less than ``least``.
        """
        if key not in self._values:
            return default
        value = self._values.pop(key)
        if not re.fullmatch(r"\d{1,9}", value, flags=re.ASCII) or int(value) < least:
            raise self.refused(f"{key} as a whole number of at least {least}", f"{key}={value}")
        return int(value)

    def needed(self, key: str, least: int = 1) -> int:
        """Take a whole number that has to be there.

        Raises:
            UsageError: It is missing, or see :meth:`whole`.
        """
        value = self.whole(key, None, least)
        if value is None:
            raise self.refused(f"the key {key}", "none")
        return value

    def share(self, key: str) -> float | None:
        """Take a number above 0 and at most 1; None: it is not given.

        Raises:
            UsageError: Something else.
        """
        if key not in self._values:
            return None
        value = self._values.pop(key)
        found = re.fullmatch(r"\d{0,4}\.?\d{1,9}", value, flags=re.ASCII)
        if not found or not 0 < float(value) <= 1:
            raise self.refused(f"{key} above 0 and at most 1", f"{key}={value}")
        return float(value)

    def shape(self, key: str) -> Shape | None:
        """Take a size HxW; None: it is not given.

        Raises:
            UsageError: Something else.
        """
        if key not in self._values:
            return None
        value = self._values.pop(key)
        found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", value, flags=re.ASCII)
        if found is None or not int(found[1]) or not int(found[2]):
            raise self.refused(f"{key}=HxW", f"{key}={value}")
        return int(found[1]), int(found[2])

    def array(self, key: str) -> NDArray[Any] | None:
        """Take the array that a file holds, .npy or .npz#KEY; None: none is given.

        Raises:
            MissingFileError: The file cannot be read.
            UsageError: It holds no such array.
        """
        return read_matrix(self._values.pop(key)) if key in self._values else None

    def own_file(self) -> NDArray[Any]:
        """Return the array of the file that the text begins with.

        Raises:
            MissingFileError: The file cannot be read.
            UsageError: None is named, or it holds no such array.
        """
        if not self.file:
            raise self.refused("a file", "none")
        return read_matrix(self.file)

    def frame(self, given: Shape | None) -> Shape:
        """Take the key ``frame``, or the frame that is given otherwise.

        Raises:
            UsageError: None, or two that are not the same.
        """
        own = self.shape("frame")
        if own is None and given is None:
            raise UsageError("a frame for the operator", "none", "give --frame HxW")
        if own is not None and given is not None and check_frame(given) != own:
            found = f"frame {named(check_frame(given))} for {self.text!r}"
            raise UsageError(f"frame {named(own)}, that of the operator", found, "use one of them")
        return check_frame(own or given)

    def end(self) -> None:
        """Check that nothing is left.

        Raises:
            UsageError: A key that such an operator does not have.
        """
        if self._values:
            raise self.refused("keys that this operator has", ", ".join(self._values))
