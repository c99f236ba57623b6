"""The baselines that use a trained prior, with the paper's settings for its kind."""

from typing import Any

from bitprior_train.priors.config import Kind
from bitprior_train.surgery.baselines.iagan import IAGAN
from bitprior_train.surgery.baselines.mganprior import MGANPrior
from bitprior_train.surgery.cuts import CutGenerator, blocks_of
from bitprior_train.surgery.prior import Prior

_LATENT_STEPS: dict[Kind, int] = {"dcgan": 1600, "began": 1600, "vae": 1000}
_CUTS: dict[Kind, int] = {"dcgan": 1, "began": 2, "vae": 1}
_MGANPRIOR: dict[Kind, dict[str, float | int]] = {
    "dcgan": {"codes": 10, "lr": 3e-2, "steps": 5000},
    "began": {"codes": 20, "lr": 1e-3, "steps": 3000},
    "vae": {"codes": 20, "lr": 5e-3, "steps": 3000},
}


def iagan(prior: Prior, **options: Any) -> IAGAN:
    """Return IAGAN for a prior; ``options`` are laid over the paper's settings.

    Raises:
        TypeError: It has no such option.
    """
    blocks, latent = blocks_of(prior.generator, prior.kind)
    settings = {"latent_steps": _LATENT_STEPS[prior.kind]} | options
    return IAGAN(CutGenerator(blocks, latent, 0), **settings)


def mganprior(prior: Prior, cut: int | None = None, **options: Any) -> MGANPrior:
    """Return mGANprior for a prior; ``options`` are laid over the paper's settings.

    Raises:
        TypeError: It has no such option.
        UsageError: ``cut`` leaves no block before, or none after the sum.
    """
    blocks, latent = blocks_of(prior.generator, prior.kind)
    generator = CutGenerator(blocks, latent, _CUTS[prior.kind] if cut is None else cut)
    settings: dict[str, Any] = _MGANPRIOR[prior.kind] | options
    return MGANPrior(generator, latent, **settings)
