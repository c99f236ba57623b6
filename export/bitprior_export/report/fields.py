"""Fields of a results file, each checked: a stranger may have written it."""

from collections.abc import Mapping, Sequence
from typing import Any

from bitprior_export.report.results import Mean
from bitprior_runtime.errors import UsageError

MAX_TEXT = 4096
MAX_ITEMS = 1024
LARGEST = 1e15
_SCALARS = (str, int, float, bool, type(None))


class Fields:
    """The fields of one JSON object.

    Args:
        value: The object.
        where: Its place, for messages.

    Raises:
        UsageError: It is no object; so do all methods where a field is missing or of another type.
    """

    def __init__(self, value: Any, where: str) -> None:
        if not isinstance(value, Mapping):
            raise wrong(f"an object at {where}", value)
        self._values = value
        self._where = where

    def text(self, name: str) -> str:
        """Return one line of printable text."""
        return self._as_text(self._get(name), name)

    def texts(self, name: str) -> Sequence[str]:
        """Return a list of texts."""
        return [self._as_text(item, name) for item in self._list(name)]

    def choice(self, name: str, known: Sequence[str]) -> str:
        """Return one of some texts."""
        value = self.text(name)
        if value not in known:
            raise wrong(f"{self._where}: {name} out of {', '.join(known)}", value)
        return value

    def scalars(self, name: str) -> Mapping[str, str]:
        """Return the numbers and texts of an object, as texts."""
        values = self._get(name)
        fits = isinstance(values, Mapping) and len(values) <= MAX_ITEMS
        if not fits or not all(type(each) in _SCALARS for each in values.values()):
            raise wrong(f"{self._where}: {name} as an object of numbers and texts", values)
        return {
            self._as_text(key, name): self._as_text(f"{each}", name) for key, each in values.items()
        }

    def integer(self, name: str, least: int = 0) -> int:
        """Return an integer of at least ``least``."""
        value = self._get(name)
        if type(value) is not int or not least <= value < 2**53:
            raise wrong(f"{self._where}: {name} as an integer of at least {least}", value)
        return value

    def number(self, name: str) -> float:
        """Return a finite number."""
        return self._as_number(self._get(name), name)

    def numbers(self, name: str) -> Sequence[float]:
        """Return a list of finite numbers."""
        return [self._as_number(item, name) for item in self._list(name)]

    def flag(self, name: str) -> bool:
        """Return true or false; false where there is no such field."""
        value = self._values.get(name, False)
        if type(value) is not bool:
            raise wrong(f"{self._where}: {name} as true or false", value)
        return value

    def is_false(self, name: str) -> bool:
        """Say whether a field is there and false, where it may be a text as well."""
        return self._values.get(name) is False

    def given(self, name: str) -> bool:
        """Say whether a field is there and not null."""
        return self._values.get(name) is not None

    def mean(self, name: str) -> Mean:
        """Return a mean with its confidence interval."""
        fields = self.below(name)
        return Mean(fields.number("mean"), fields.number("half_width"))

    def below(self, name: str) -> "Fields":
        """Return the fields of an object in this one."""
        return Fields(self._get(name), f"{self._where}: {name}")

    def list_of(self, name: str) -> "Sequence[Fields]":
        """Return the fields of the objects of a list."""
        return [
            Fields(item, f"{self._where}: {name}[{index}]")
            for index, item in enumerate(self._list(name))
        ]

    def _get(self, name: str) -> Any:
        if name not in self._values:
            raise UsageError(
                f"{self._where}: the field {name}", "no such field", "evaluate again, or remove it"
            )
        return self._values[name]

    def _list(self, name: str) -> list[Any]:
        value = self._get(name)
        if not isinstance(value, list) or len(value) > MAX_ITEMS:
            raise wrong(f"{self._where}: {name} as a list of at most {MAX_ITEMS}", value)
        return value

    def _as_text(self, value: Any, name: str) -> str:
        if not isinstance(value, str) or len(value) > MAX_TEXT or not value.isprintable():
            raise wrong(f"{self._where}: {name} as one line of text", value)
        return value

    def _as_number(self, value: Any, name: str) -> float:
        if type(value) not in (int, float) or not abs(value) <= LARGEST:  # nor is NaN
            raise wrong(f"{self._where}: {name} as a finite number", value)
        return float(value)


def wrong(expected: str, found: Any) -> UsageError:
    """Return the error of a results file that is not one."""
    return UsageError(expected, ascii(found)[:120], "evaluate again, or remove the file")
