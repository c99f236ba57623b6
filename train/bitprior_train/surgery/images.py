"""The images of a comparison: of a data set, or made by the prior itself."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from bitprior_runtime.errors import UsageError
from bitprior_runtime.solvers import initial_latents
from bitprior_train.data import Dataset, load_dataset, load_test_part
from bitprior_train.surgery.operators import Geometry
from bitprior_train.surgery.prior import Prior

# Not a data set: images that the prior itself makes.
OWN_SAMPLES = "own samples"
Part = Literal["train", "validation", "test"]
_SIDE = 64
_SAMPLES_SEED = 17
_FEW = 8


@dataclass(frozen=True, eq=False)
class Images:
    """What is measured and recovered.

    Attributes:
        dataset: Name of the data set, or ``OWN_SAMPLES``.
        part: Which part of it, and how many.
        split_hash: Of the data set's split; of own samples, of the samples.
        licence: Terms of the images.
        truth: [N, C, H, W] in [0, 1].
    """

    dataset: str
    part: str
    split_hash: str
    licence: str
    truth: Tensor


def choose_images(dataset: str, part: Part, count: int, priors: Sequence[Prior]) -> Images:
    """Return the first images of a part; of a set that a prior was trained on, as split then.

    Raises:
        UsageError: The priors do not fit each other or the images, or there are fewer images.
        MissingFileError: The data set is not there.
    """
    shapes = {prior.geometry for prior in priors}
    if len(shapes) > 1:
        raise UsageError("priors of one geometry", f"{shapes}", "compare them one by one")
    if dataset == OWN_SAMPLES:
        return _own_samples(count, priors)
    data = _load(dataset, part, priors)
    stored = {"train": data.train, "validation": data.validation, "test": data.test}[part]
    if not 0 < count <= len(stored):
        raise UsageError(f"1 to {len(stored)} {part} images", f"{count}", "change --images")
    if shapes and data.geometry not in shapes:
        raise UsageError(f"images {shapes}", f"{data.geometry}", "choose another data set")
    truth = torch.from_numpy(data.images(stored[:count]))
    return Images(dataset, f"{part}, first {count} images", data.split_hash, data.licence, truth)


def validation_images(prior: Prior) -> Tensor:
    """Return a few images of the prior's own validation part, [B, 3, H, W]."""
    data = _trained_on(prior)
    return torch.from_numpy(data.images(data.validation[:_FEW]))


def geometry_of(images: Images) -> Geometry:
    """Return (C, H, W)."""
    _, channels, height, width = images.truth.shape
    return channels, height, width


def _load(name: str, part: Part, priors: Sequence[Prior]) -> Dataset:
    trained = [prior for prior in priors if prior.config.data.name == name]
    if not trained:
        if part != "test":
            raise UsageError(
                f"test images of {name}, which no prior was trained on", part, "change --part"
            )
        return load_test_part(name, priors[0].geometry[1] if priors else _SIDE)
    data = _trained_on(trained[0])
    for prior in trained:
        if prior.split_hash != data.split_hash:
            raise UsageError(
                f"the images {prior.run} was trained on, split {prior.split_hash[:12]}",
                f"split {data.split_hash[:12]}",
                "restore the data set, or compare its prior by itself",
            )
    return data


def _trained_on(prior: Prior) -> Dataset:
    data = prior.config.data
    return load_dataset(data.name, data.split_seed, data.validation, data.size)


def _own_samples(count: int, priors: Sequence[Prior]) -> Images:
    """Return images that one prior makes of clamped-normal latents, as in the paper."""
    if len(priors) != 1:
        raise UsageError(
            f"one prior to make {OWN_SAMPLES}", f"{len(priors)}", "compare them one by one"
        )
    if count < 1:
        raise UsageError("1 image or more", f"{count}", "change --images")
    (prior,) = priors
    latent = prior.config.model.latent
    z = initial_latents(count, latent, _SAMPLES_SEED, kind="clamped-normal")[0]
    with torch.no_grad():
        truth = prior.generator(torch.from_numpy(z)).clamp(0, 1)
    digest = hashlib.sha256(truth.numpy().tobytes()).hexdigest()
    part = f"made by {prior.run}, {count} images"
    return Images(OWN_SAMPLES, part, digest, _trained_on(prior).licence, truth)
