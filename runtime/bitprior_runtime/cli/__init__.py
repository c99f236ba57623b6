"""The command line ``bitprior``: verbs of the runtime, and those that other houses add."""

from bitprior_runtime.cli.main import main

__all__ = ["main"]
