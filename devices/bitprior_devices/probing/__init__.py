"""What a board is, and what runs on it."""

from bitprior_devices.probing.ask import ask_facts

__all__ = ["ask_facts"]
