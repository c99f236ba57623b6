"""Start latents, the hard threshold P_s and the projection to the unit sphere."""

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError

InitialLatent: TypeAlias = Literal["unit-normal", "normal", "clamped-normal", "zero", "measurement"]
Projection: TypeAlias = Literal["none", "unit-sphere"]

SMALLEST_NORM = 1e-12  # a latent of all zeros has no direction, and stays


def initial_latents(
    count: int,
    size: int,
    seed: int,
    restarts: int = 1,
    kind: InitialLatent = "unit-normal",
    y: NDArray[Any] | None = None,
) -> NDArray[np.float32]:
    """Draw start latents z0.

    Restart r of row i is the same whatever the number of rows and restarts.

    Args:
        count: Rows, i.e. measurements.
        size: Latent size k.
        seed: Seed of the generator (numpy PCG64).
        restarts: Latents per row.
        kind: ``unit-normal``: N(0, I_k) scaled to unit L2 norm (as Deep Compressed Sensing
            does); ``normal``: N(0, I_k); ``clamped-normal``: N(0, I_k) with every entry clipped
            to [-1,1] (as Generator Surgery does); ``zero``; ``measurement``: y itself, of further
            restarts N(0, I_k) of the same root mean square.
        y: Measurements [count, k], for the kind ``measurement``.

    Returns:
        float32 [restarts, count, k].

    Raises:
        UsageError: The kind is ``measurement``, and y is missing or has not k values.
    """
    return draw_latents(streams_of(seed, 0, restarts), count, size, kind, y)


# A restart's number, and where its latents come from.
Stream: TypeAlias = tuple[int, np.random.Generator]


def streams_of(seed: int, first: int, count: int) -> list[Stream]:
    """Return the streams of ``count`` restarts from number ``first`` on."""
    return [(r, np.random.default_rng([seed, r])) for r in range(first, first + count)]


def draw_latents(
    streams: Sequence[Stream],
    count: int,
    size: int,
    kind: InitialLatent,
    y: NDArray[Any] | None = None,
) -> NDArray[np.float32]:
    """Draw the start latents of the next ``count`` rows, [streams, count, size].

    Args:
        streams: One a restart; what they give next is for these rows.
        count: Rows.
        size: Latent size k.
        kind: See :func:`initial_latents`.
        y: Measurements of these rows, for the kind ``measurement``.

    Raises:
        UsageError: The kind is ``measurement``, and y is missing or has not k values.
    """
    if kind == "zero":
        return np.zeros((len(streams), count, size), dtype=np.float32)
    z = np.stack([drawn.standard_normal((count, size), dtype=np.float32) for _, drawn in streams])
    if kind == "measurement":
        return _around(_latents_of(y, size), z, streams[0][0] == 0)
    if kind == "unit-normal":
        z /= np.linalg.norm(z, axis=-1, keepdims=True)
    elif kind == "clamped-normal":
        np.clip(z, -1, 1, out=z)
    return z


def _latents_of(y: NDArray[Any] | None, size: int) -> NDArray[Any]:
    if y is None or y.shape[1] != size:
        found = "none" if y is None else f"{y.shape[1]}"
        raise UsageError(
            f"{size} measurements to start at", found, "start at a latent, or at another kind"
        )
    return y


def _around(y: NDArray[Any], z: NDArray[np.float32], first: bool) -> NDArray[np.float32]:
    """Put all restarts at the size of y, and y in the place of the very first."""
    z *= np.sqrt(np.square(y, dtype=np.float64).mean(axis=1, keepdims=True)).astype(np.float32)
    if first:
        z[0] = y
    return z


def hard_threshold(z: NDArray[Any], s: int | None) -> NDArray[Any]:
    """P_s: keep the s entries of largest magnitude in each row, zero the rest.

    Args:
        z: Latents [B,k].
        s: Entries to keep; None or s >= k keeps all.

    Returns:
        [B,k]; of equal magnitudes the lower index is kept.
    """
    if s is None or s >= z.shape[-1]:
        return z
    order = np.argsort(-np.abs(z), axis=-1, kind="stable")[..., :s]
    kept = np.zeros_like(z)
    np.put_along_axis(kept, order, np.take_along_axis(z, order, axis=-1), axis=-1)
    return kept


def unit_sphere(z: NDArray[Any]) -> NDArray[Any]:
    """Scale every row of z [B,k] to unit L2 norm; a row of zeros stays as it is.

    The squares are summed in float64, from the first entry on: the same everywhere.
    """
    squares = np.cumsum(np.square(z, dtype=np.float64), axis=-1)[..., -1:]
    norm = np.sqrt(squares).astype(z.dtype)
    projected: NDArray[Any] = z / np.maximum(norm, z.dtype.type(SMALLEST_NORM))
    return projected
