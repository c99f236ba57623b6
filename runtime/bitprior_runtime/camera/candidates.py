"""Other ways in which patterns and readings may belong together."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from bitprior_runtime.camera.camera_file import Camera
from bitprior_runtime.camera.detector import MOST_LAG, Detector
from bitprior_runtime.camera.view import VIEWS
from bitprior_runtime.sensing.operator import named

_ORDERS = (
    "natural",
    "sequency",
    "sequency-rows",
    "sequency-columns",
    "dyadic",
    "cake-cutting",
)
_LONGEST = 8  # of a frame's sides, one over the other
_SPARE = MOST_LAG


@dataclass(frozen=True)
class Candidate:
    """A camera that differs from the one as written in one thing.

    Attributes:
        family: ``as written``, ``order``, ``shape``, ``view`` or ``sign``.
        name: What it is.
        camera: With that changed.
        key: The key of the camera file that says it; empty: as written.
    """

    family: str
    name: str
    camera: Camera
    key: str = ""


def patterns_of(camera: Camera) -> tuple[Candidate, ...]:
    """Return the camera as written and those of other patterns that may have been shown."""
    written = Candidate("as written", "as written", camera)
    return (written, *_orders(camera), *_shapes(camera), *_signs(camera))


def views_of(camera: Camera) -> tuple[Candidate, ...]:
    """Return the camera with its patterns mirrored, and transposed if the frame is square."""
    views = [view for view in VIEWS if not view.startswith("quarter")]
    if camera.frame[0] != camera.frame[1]:
        views.remove("transposed")
    return tuple(
        Candidate("view", view, replace(camera, view=view), "view")
        for view in views
        if view != camera.view
    )


def pairs_of(detector: Detector, readings: int, patterns: int) -> tuple[str, ...]:
    """Return the ways of pairing that so many readings can have, the one as written first.

    Args:
        detector: As written.
        readings: N.
        patterns: m.
    """
    single = detector.pairs if detector.readings_a_pattern == 1 else "differenced"
    if readings < 2 * patterns - _SPARE:
        return (single,)
    found = ["interleaved", "halves"]
    if detector.pairs in found:
        found.remove(detector.pairs)
        found.insert(0, detector.pairs)
    return tuple(found)


def lags_of(patterns: int) -> tuple[int, ...]:
    """Return the lags that are tried: -8 to 8, fewer of few patterns."""
    most = min(MOST_LAG, patterns // 8)
    return tuple(range(-most, most + 1))


def _orders(camera: Camera) -> Iterator[Candidate]:
    kind, _, rest = camera.operator.partition(":")
    if kind != "hadamard" or "layout=1d" in rest:
        return
    found = re.search(r"(?:^|,)order=([^,]*)", rest)
    written = found[1] if found else "sequency"
    for order in _ORDERS:
        if order != written:
            others = [p for p in re.split(r",(?=\w+=)", rest) if p and not p.startswith("order=")]
            text = f"hadamard:{','.join([f'order={order}', *others])}"
            yield Candidate("order", f"order {order}", replace(camera, operator=text), "operator")


def _shapes(camera: Camera) -> Iterator[Candidate]:
    """Other frames of as many pixels, for patterns whose file has no frame of its own."""
    kind = camera.operator.partition(":")[0]
    if kind not in ("patterns", "matrix"):
        return
    pixels = camera.frame[0] * camera.frame[1]
    for height in range(1, pixels + 1):
        width = pixels // height
        if height * width != pixels or (height, width) == camera.frame:
            continue
        if max(height, width) > _LONGEST * min(height, width):
            continue
        text = re.sub(r",frame=\d+x\d+", f",frame={height}x{width}", camera.operator)
        shaped = replace(camera, operator=text, frame=(height, width))
        yield Candidate("shape", f"frame {named((height, width))}", shaped, "frame")


def _signs(camera: Camera) -> Iterator[Candidate]:
    """The other sign of a wavelet's details."""
    kind, _, rest = camera.operator.partition(":")
    if kind != "wavelet":
        return
    parts = [p for p in re.split(r",(?=\w+=)", rest) if p]
    found = [p for p in parts if p.startswith("sign=")]
    others = [p for p in parts if not p.startswith("sign=")]
    written = found[0] if found else _SIGNS[0]
    other = next(sign for sign in _SIGNS if sign != written)
    text = f"wavelet:{','.join([*others, other])}"
    yield Candidate("sign", f"details with {other}", replace(camera, operator=text), "operator")


_SIGNS = ("sign=1", "sign=-1")
