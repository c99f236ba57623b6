"""What the page shows of one frame, as JSON."""

import base64
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_devices.cameras.opencv import import_cv2
from bitprior_devices.cameras.source import Frame
from bitprior_runtime.images.png import to_bytes
from bitprior_runtime.recovery import FloatArray, Recovery

# Longest side of the camera's picture on the page, pixels.
PREVIEW = 320
JPEG_QUALITY = 70
# Points of a loss curve: more than a phone shows.
CURVE = 200


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One frame on its way through the prior.

    Attributes:
        frame: From the camera.
        bundle: Number of the bundle.
        x: The frame in the prior's geometry, float32 [C,H,W].
        y: Its measurement, float32 [m].
        recovery: Of this one image.
        stages: Milliseconds by stage.
        rate: Frames a second.
        dropped: Frames dropped so far.
    """

    frame: Frame
    bundle: int
    x: FloatArray
    y: FloatArray
    recovery: Recovery
    stages: dict[str, float]
    rate: float
    dropped: int

    @property
    def psnr(self) -> float:
        """Peak signal-to-noise ratio of the recovered image against the frame, dB."""
        error = float(np.mean(np.square(self.x - self.recovery.image[0], dtype=np.float64)))
        return -10 * float(np.log10(max(error, 1e-12)))

    @cached_property
    def encoded(self) -> bytes:
        """The snapshot as one line of JSON; worked out only if someone looks."""
        return json.dumps(
            {
                "frame": self.frame.index,
                "bundle": self.bundle,
                "preview": encode(_preview(self.frame)),
                "x": picture(self.x),
                "y": encode(self.y.astype("<f4").tobytes()),
                "psnr": self.psnr,
                "stages": self.stages,
                "rate": self.rate,
                "dropped": self.dropped,
                **recovered(self.recovery, 0),
            }
        ).encode()


def recovered(recovery: Recovery, row: int) -> dict[str, Any]:
    """Return one recovered image with its losses, ready for JSON."""
    history = recovery.history[:, row]
    points = np.unique(np.linspace(0, len(history) - 1, CURVE).astype(int))
    return {
        "image": picture(recovery.image[row]),
        "loss": float(recovery.loss[row]),
        "history": [[int(point), float(history[point])] for point in points],
        "engine": f"{recovery.engine}/{recovery.kernel}",
    }


def picture(image: FloatArray) -> dict[str, Any]:
    """Return an image [C,H,W] in [0,1] as bytes in rows, channels last."""
    channels, height, width = image.shape
    pixels = np.ascontiguousarray(to_bytes(image).transpose(1, 2, 0))
    size = {"width": width, "height": height, "channels": channels}
    return {**size, "pixels": encode(pixels.tobytes())}


def encode(data: bytes) -> str:
    """Return bytes in base 64."""
    return base64.b64encode(data).decode()


def _preview(frame: Frame) -> bytes:
    cv2 = import_cv2()
    pixels: NDArray[Any] = frame.pixels[0]
    scale = PREVIEW / max(pixels.shape[:2])
    if scale < 1:
        pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return bytes(data)
