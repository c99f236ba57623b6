"""Errors of bitprior: each says what was expected, what was found and what to do about it."""

# Characters of each part of a message.
_LONGEST = 600


class BitpriorError(Exception):
    """Base of every error bitprior raises on purpose; its message is one printable line.

    Attributes:
        expected: What would have been right.
        found: What was there instead.
        todo: What the user can do about it.
        exit_code: Exit status of the command line when this error ends it.
    """

    exit_code = 1

    def __init__(self, expected: str, found: str, todo: str) -> None:
        self.expected, self.found, self.todo = map(_printable, (expected, found, todo))
        super().__init__(f"expected {self.expected}; found {self.found}; {self.todo}")


def _printable(text: str) -> str:
    """Return text that others may have written as one line that no terminal takes for commands."""
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}..."
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


class CheckFailedError(BitpriorError):
    """A check ran and its result is wrong, e.g. a golden case that does not replay."""

    exit_code = 1


class UsageError(BitpriorError, ValueError):
    """An argument is wrong: its shape, type, value or name."""

    exit_code = 2


class MissingFileError(UsageError):
    """A file that was named does not exist or cannot be read."""


class UnwritableOutputError(UsageError):
    """The output cannot be written where it was asked for."""


class MissingExtraError(UsageError):
    """An optional dependency is needed and not installed."""

    def __init__(self, module: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"the package {module!r} for {purpose}",
            "it is not installed",
            f"run: pip install 'bitprior[{extra}]'",
        )


class ProgramError(BitpriorError, ValueError):
    """A program is malformed: unknown op, wrong attribute, shapes that do not fit."""

    exit_code = 3
