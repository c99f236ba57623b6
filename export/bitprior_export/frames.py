"""Find out whether a generator is fully convolutional, and by what stride its frames go."""

from collections.abc import Mapping

from bitprior_runtime.bundle.manifest import Frames
from bitprior_runtime.errors import ProgramError
from bitprior_runtime.frames.reframe import map_shapes, reframe
from bitprior_runtime.program import Program, Shape
from bitprior_runtime.shapes import infer_shapes


def find_frames(
    generator: Program, latents: Mapping[str, Shape] | None
) -> tuple[Frames | None, Mapping[str, Shape] | None]:
    """Return the frames a generator serves, and the shapes of its latent's parts.

    A generator that was cut behind its dense layers is one: all that is left of it follows larger
    maps. So is any other that begins with maps and has no layer for single places.

    Args:
        generator: Program z -> x.
        latents: Parts of its latent by name; None: one, z.

    Returns:
        None if it only has its own size, and ``latents`` as they were; else the stride, and the
        parts as maps.
    """
    try:
        maps = map_shapes(generator)
    except ProgramError:
        return None, latents
    names = latents or dict.fromkeys(generator.inputs)
    _, height, width = infer_shapes(generator)[generator.output]
    stride = max(height // shape[1] for shape in maps)
    if len(names) != len(maps) or not _follows(generator, (height, width), stride):
        return None, latents
    return Frames(stride), dict(zip(names, maps, strict=True))


def _follows(generator: Program, native: tuple[int, int], stride: int) -> bool:
    """Return whether the generator gives whole frames of other sizes, by the stride."""
    channels = infer_shapes(generator)[generator.output][0]
    if stride < 1 or native[0] % stride or native[1] % stride:
        return False
    for more in ((stride, 0), (0, stride), (3 * stride, 2 * stride)):
        frame = (native[0] + more[0], native[1] + more[1])
        try:
            shapes = infer_shapes(reframe(generator, native, frame))
        except ProgramError:
            return False
        if shapes[generator.output] != (channels, *frame):
            return False
    return True
