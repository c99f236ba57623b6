"""One line on a terminal that changes as frames come; nothing where there is no terminal."""

import sys
import time

from bitprior_devices.cameras.figures import Figures

INTERVAL = 0.2


class LiveLine:
    """Shows figures on stderr.

    Args:
        figures: What to show.
        shown: Show at all; even then only on a terminal.
    """

    def __init__(self, figures: Figures, shown: bool = True) -> None:
        self._figures = figures
        self._shown = shown and sys.stderr.isatty()
        self._next = 0.0

    def update(self) -> None:
        """Show the figures as they are, if it is time to."""
        now = time.monotonic()
        if self._shown and now >= self._next:
            self._next = now + INTERVAL
            # Carriage return, and erase to the end of the line.
            print(f"\r{self._figures.line()}\x1b[K", end="", file=sys.stderr, flush=True)

    def say(self, text: str) -> None:
        """Print a line above the live one."""
        print(f"\r{text}\x1b[K" if self._shown else text, file=sys.stderr, flush=True)

    def end(self) -> None:
        """Leave the cursor on a line of its own."""
        if self._shown:
            print(file=sys.stderr)
