"""What came of a trial: how many steps ran, and which ended in an error that is not ours."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bitprior_runtime.errors import BitpriorError


@dataclass
class Tries:
    """The steps of one trial.

    Attributes:
        loaded: Whether the first file was taken.
        ran: Steps that ended without an error.
        foreign: Tracebacks of errors that are not bitprior's own, and lines that are none.
    """

    loaded: bool = False
    ran: int = 0
    foreign: list[str] = field(default_factory=list)

    def go(self, label: str, step: Callable[[], Any]) -> Any:
        """Run a step and return its result; None if it was refused, or did harm."""
        try:
            found = step()
        except BitpriorError as error:
            line = str(error)
            if len(line.splitlines()) != 1 or not line.isprintable() or len(line) > 1500:
                self.foreign.append(f"{label}: not one printable line\n{line!r}")
            return None
        except Exception:
            self.foreign.append(f"{label}\n{traceback.format_exc()}")
            return None
        self.ran += 1
        return found

    def finite(self, label: str, images: Any) -> None:
        """Take down images that are not finite: an error should have said so."""
        if images is not None and not np.isfinite(images).all():
            self.foreign.append(f"{label}: NaN or infinity in what was returned")
