"""What the user sees while a board works."""

import sys


def show_step(name: str) -> None:
    """Print a step on stderr."""
    print(f"  {name}", file=sys.stderr, flush=True)
