"""Import this first where the op cases are run and not compared: torch takes seconds and memory."""

import sys

sys.modules.setdefault("torch", None)  # type: ignore[arg-type]
