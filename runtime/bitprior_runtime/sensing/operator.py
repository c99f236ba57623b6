"""What a sensing operator is: images of one frame to measurements, and back."""

from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError

Shape: TypeAlias = tuple[int, int]
FloatArray: TypeAlias = NDArray[np.float32]

_MOST_PIXELS = 2**25


@runtime_checkable
class Operator(Protocol):
    """A linear operator A on the images of a frame, apart from any prior.

    Of images with several channels every channel is measured by the same operator: y holds the
    measurements of the first channel, then those of the second, and so on.

    Attributes:
        frame: (H, W) of the images, in pixels.
        size: m, measurements of one channel.
    """

    @property
    def frame(self) -> Shape: ...  # noqa: D102
    @property
    def size(self) -> int: ...  # noqa: D102

    def forward(self, x: NDArray[Any]) -> FloatArray:
        """Return A x, float32 [B, C * m], of images x [B,C,H,W]."""
        ...

    def adjoint(self, r: NDArray[Any]) -> FloatArray:
        """Return A^T r, float32 [B,C,H,W], of measurements r [B, C * m]."""
        ...


def check_frame(frame: Any) -> Shape:
    """Return a frame as (H, W).

    Raises:
        UsageError: Not two whole numbers of at least 1, or more than 2^25 pixels.
    """
    try:
        height, width = (int(side) for side in frame)
        whole = all(int(side) == side and not isinstance(side, bool) for side in frame)
    except (TypeError, ValueError, OverflowError):
        height = width = 0
        whole = False
    if not whole or height < 1 or width < 1:
        raise UsageError("a frame (H, W) in pixels", f"{frame!r}", "give height and width")
    if height * width > _MOST_PIXELS:
        found = f"{height} x {width}"[:80]
        raise UsageError(f"a frame of at most {_MOST_PIXELS} pixels", found, "use a smaller frame")
    return height, width


def named(frame: Shape) -> str:
    """Return a frame as text: HxW."""
    return f"{frame[0]}x{frame[1]}"


def check_images(x: NDArray[Any], frame: Shape) -> FloatArray:
    """Return images as float32 [B,C,H,W].

    Raises:
        UsageError: Not images of the operator's frame.
    """
    images = np.asarray(x)
    wanted = f"images [B,C,{frame[0]},{frame[1]}], the frame of the operator"
    if images.ndim != 4 or images.shape[2:] != frame or images.dtype.kind not in "fiub":
        found = f"shape {images.shape}, dtype {images.dtype}"
        raise UsageError(wanted, found, "make the operator for the frame of the images")
    return np.ascontiguousarray(images, dtype=np.float32)


def channels_of(y: NDArray[Any], size: int) -> int:
    """Return C of measurements [B, C * m].

    Raises:
        UsageError: Another length or number of axes.
    """
    if y.ndim != 2 or len(y) == 0 or y.shape[1] == 0 or y.shape[1] % size:
        raise UsageError(
            f"measurements [B,m] with m = {size} for each channel",
            f"shape {y.shape}",
            "give what this operator measured",
        )
    return int(y.shape[1]) // size


def check_measurements(y: NDArray[Any], size: int) -> FloatArray:
    """Return measurements of an operator as float32 [B, C * m].

    Args:
        y: Real numbers.
        size: m, measurements of one channel.

    Raises:
        UsageError: Not real, of another length or number of axes, or not finite.
    """
    y = np.asarray(y)
    if y.dtype.kind not in "fiub":
        raise UsageError("real measurements [B,m]", f"dtype {y.dtype}", "give real numbers")
    channels_of(y, size)
    with np.errstate(over="ignore"):
        found = np.ascontiguousarray(y, dtype=np.float32)
    bad = int(np.count_nonzero(~np.isfinite(found)))
    if bad:
        todo = "leave these readings out"
        raise UsageError("finite measurements", f"NaN or Inf in {bad} of {found.size}", todo)
    return found
