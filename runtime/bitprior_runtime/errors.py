"""Errors of bitprior: each says what was expected, what was found and what to do about it."""


class BitpriorError(Exception):
    """Base of every error bitprior raises on purpose.

    Attributes:
        expected: What would have been right.
        found: What was there instead.
        todo: What the user can do about it.
        exit_code: Exit status of the command line when this error ends it.
    """

    exit_code = 1

    def __init__(self, expected: str, found: str, todo: str) -> None:
        self.expected = expected
        self.found = found
        self.todo = todo
        super().__init__(f"expected {expected}; found {found}; {todo}")


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
