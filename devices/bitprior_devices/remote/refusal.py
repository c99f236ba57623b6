"""Why the board does not do what it was asked."""

from __future__ import annotations

import errno


class RefusalError(Exception):
    """The board refuses: what it expected, what it found, what the user can do."""

    def __init__(self, expected: str, found: str, todo: str) -> None:
        super().__init__(f"expected {expected}; found {found}; {todo}")
        self.expected = expected
        self.found = found
        self.todo = todo


_TODO = {
    errno.ENOSPC: "free space on the board, then deploy again",
    errno.EDQUOT: "free space on the board, then deploy again",
    errno.EROFS: "remount the board's file system read-write, or choose another --root",
    errno.EACCES: "choose a --root this user may write to",
    errno.EPERM: "choose a --root this user may write to",
}


def from_os_error(error: OSError) -> RefusalError:
    """Turn a failure of the board's file system into a refusal."""
    reason = error.strerror or str(error)
    where = f" ({error.filename})" if error.filename else ""
    todo = _TODO.get(error.errno or 0, "look at the board's disk")
    return RefusalError("files that can be written on the board", f"{reason}{where}", todo)
