"""Errors of cameras."""

from bitprior_runtime.errors import BitpriorError


class CameraError(BitpriorError):
    """A camera cannot be opened, or delivers no frames any more."""

    exit_code = 4
