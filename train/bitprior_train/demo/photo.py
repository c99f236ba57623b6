"""The demo's photo: one that comes with scikit-image, recovered with the priors of the zoo."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from bitprior_export.report import parse_photos
from bitprior_export.report.photo.results import PhotoResult
from bitprior_runtime.errors import MissingExtraError
from bitprior_runtime.model import Model, load
from bitprior_runtime.zoo import zoo_names
from bitprior_train.photo_evaluation.photos import Photo, PhotoSet, photo_set
from bitprior_train.photo_evaluation.session import (
    PhotoAnswer,
    PhotoQuestion,
    check_frames,
    evaluate_photos,
    write_answer,
)

# 10 % of the pixels of each block, measured by rows that no training saw.
OPERATOR = "gaussian-blocks:m=109,size=33,seed=0"
PRIORS = ("photo-4bit", "photo-1bit")
NAME = "camera"
_SMALLER = 2

Say = Callable[[str], None]


def usual_priors() -> Sequence[Path]:
    """Return the photo priors that came with this bitprior; an install may have none."""
    there = zoo_names()
    return [Path(name) for name in PRIORS if name in there]


def camera() -> PhotoSet:
    """Return scikit-image's photo of a cameraman, averaged to 256 x 256.

    Raises:
        MissingExtraError: scikit-image is not installed.
    """
    try:
        from skimage import data
    except ImportError as error:
        raise MissingExtraError("scikit-image", "train", "the demo's photo") from error
    pixels = data.camera()
    part = f"scikit-image's photo, {pixels.shape[0]} pixels a side averaged to"
    small = averaged(pixels.astype(np.float32) / np.float32(255), _SMALLER)
    return photo_set(NAME, f"{part} {len(small)}", [NAME], [small])


def averaged(photo: Photo, factor: int) -> Photo:
    """Return a photo [H,W] averaged over squares; H and W are multiples of ``factor``."""
    height, width = (side // factor for side in photo.shape)
    means: Photo = photo.reshape(height, factor, width, factor).mean(axis=(1, 3)).astype(np.float32)
    return means


def recover_photo(
    priors: Sequence[Path], folder: Path, command: str, say: Say
) -> PhotoResult | None:
    """Measure and recover the photo; write ``photo.json`` and its pictures into a folder.

    Args:
        priors: Bundles or names of the zoo.
        folder: Where the results go.
        command: The command that makes them again.
        say: Told of each recovery, in one line.

    Returns:
        What was found; None: there are no priors.
    """
    if not priors:
        say(f"Left out the photo: this bitprior came without {' and '.join(PRIORS)}")
        return None
    models = {path.stem: load(path) for path in priors}
    check_frames(models)
    answer = _evaluated(models, priors)
    answer.result["command"] = command
    write_answer(folder / "photo.json", answer)
    found = parse_photos(answer.result, "photo", answer.pictures)
    for row in found.rows:
        if row.prior is not None:
            say(f"Recovered {NAME} with {row.prior.bundle}: {row.psnr.mean:.2f} dB")
    return found


def _evaluated(models: Mapping[str, Model], priors: Sequence[Path]) -> PhotoAnswer:
    question = PhotoQuestion(bundles=priors, dataset=NAME, operators=[OPERATOR])
    return evaluate_photos(question, models, camera(), components=None)
