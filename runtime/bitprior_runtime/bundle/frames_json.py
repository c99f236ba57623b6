"""What format 1.4 added to the manifest, from JSON: frames, and the outline of a learned search."""

from collections.abc import Mapping

from bitprior_runtime.bundle import fields
from bitprior_runtime.bundle.errors import (
    EXPORT_AGAIN,
    InconsistentManifestError,
    ValueRangeError,
    quote,
)
from bitprior_runtime.bundle.manifest import Frames, SearchOutline
from bitprior_runtime.bundle.strict_json import Json
from bitprior_runtime.program import Shape


def frames_from_json(
    value: Json, geometry: tuple[int, int, int], latents: Mapping[str, Shape]
) -> Frames | None:
    """Return the stride of a fully convolutional prior, checked against its latent maps.

    Args:
        value: What the manifest has under ``frames``.
        geometry: (C, H, W) of the images.
        latents: Shapes of the latent's parts by name.

    Raises:
        ManifestError: One of its subclasses.
    """
    if value is None:
        return None
    found = fields.record(value, "frames", ("stride",))
    stride = fields.integer(found["stride"], "frames.stride", 1, min(geometry[1:]))
    height, width = geometry[1:]
    for name, shape in latents.items():
        if not _follows(shape, height, width, stride):
            raise InconsistentManifestError(
                f"latent maps [C, h, w] in latents.{name}, h and w whole multiples of the image's"
                f" {height} x {width} over frames.stride {stride}, the same for both",
                quote(shape),
                EXPORT_AGAIN,
            )
    return Frames(stride)


def search_from_json(
    value: Json, frames: Frames | None, latents: Mapping[str, Shape]
) -> SearchOutline | None:
    """Return the outline of a learned search.

    Args:
        value: What the manifest has under ``search``.
        frames: What it has under ``frames``: a search works on maps of any frame.
        latents: Shapes of the latent's parts by name: one.

    Raises:
        ManifestError: One of its subclasses.
    """
    if value is None:
        return None
    found = fields.record(value, "search", ("mean",))
    mean = fields.positive(found["mean"], "search.mean")
    if mean > 1:
        raise ValueRangeError("search.mean of pixels in [0, 1]", f"{mean}", EXPORT_AGAIN)
    if frames is None or len(latents) != 1:
        raise InconsistentManifestError(
            "frames, and one part in latents, where there is a search",
            f"frames {quote(frames)}, {len(latents)} parts",
            EXPORT_AGAIN,
        )
    return SearchOutline(mean)


def _follows(shape: Shape, height: int, width: int, stride: int) -> bool:
    if len(shape) != 3 or height % stride or width % stride:
        return False
    rows, columns = height // stride, width // stride
    return shape[1] % rows == 0 and shape[1] // rows * columns == shape[2]
