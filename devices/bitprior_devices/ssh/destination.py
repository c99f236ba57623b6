"""Where a board is, as the user wrote it: checked before ssh ever sees it."""

import re
from dataclasses import dataclass
from pathlib import Path

from bitprior_runtime.errors import MissingFileError, UsageError

# No leading dash (an option of ssh), nothing a shell or a ProxyCommand would read as its own.
_USER = r"(?:[A-Za-z_][A-Za-z0-9._-]{0,31}@)?"
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.:_-]{0,251}[A-Za-z0-9])?"
_DESTINATION = re.compile(_USER + _HOST)
CONNECT_SECONDS = 10
# A connection on which nothing comes back is given up after about this many seconds.
ALIVE_SECONDS, ALIVE_COUNT = 5, 3


@dataclass(frozen=True)
class Destination:
    """A board, and how ssh gets there.

    Attributes:
        name: ``host`` or ``user@host``; a host may be an alias of ssh's configuration.
        config: An ssh configuration file instead of the user's own.
    """

    name: str
    config: Path | None = None

    def command(self, *options: str) -> list[str]:
        """Return the ssh command line up to and with the destination.

        Args:
            options: More ssh options, e.g. ``-o X=y``; the first value of an option counts.
        """
        return [
            "ssh",
            *([] if self.config is None else ["-F", str(self.config)]),
            *options,
            *_settings("StrictHostKeyChecking=yes", "BatchMode=yes"),
            *_settings(f"ConnectTimeout={CONNECT_SECONDS}"),
            *_settings(
                f"ServerAliveInterval={ALIVE_SECONDS}", f"ServerAliveCountMax={ALIVE_COUNT}"
            ),
            *_settings("ForwardAgent=no", "ForwardX11=no", "ClearAllForwardings=yes"),
            *_settings("PermitLocalCommand=no", "RequestTTY=no", "LogLevel=ERROR"),
            "--",
            self.name,
        ]


def _settings(*values: str) -> list[str]:
    return [word for value in values for word in ("-o", value)]


def parse_destination(name: str, config: Path | None = None) -> Destination:
    """Check a destination.

    Raises:
        UsageError: It is not ``[user@]host`` in plain characters.
        MissingFileError: The configuration file is not there.
    """
    if not _DESTINATION.fullmatch(name):
        raise UsageError(
            "a board as host or user@host in letters, digits and ._:-",
            repr(name),
            "name it so, or give it such an alias in ~/.ssh/config",
        )
    if config is None:
        return Destination(name)
    if not config.is_file():
        raise MissingFileError(f"an ssh configuration file {config}", "no such file", "check it")
    return Destination(name, config.absolute())
