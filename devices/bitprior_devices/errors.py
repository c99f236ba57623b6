"""Errors of work on a board."""

from bitprior_runtime.errors import BitpriorError


class DeviceUnreachableError(BitpriorError):
    """There is no ssh connection to the board, or it broke."""

    exit_code = 4


class HostKeyError(DeviceUnreachableError):
    """The board's host key is not known, or not the one that is known."""


class DeviceRefusedError(BitpriorError):
    """The board was reached and will not, or cannot, do what was asked."""

    exit_code = 5
