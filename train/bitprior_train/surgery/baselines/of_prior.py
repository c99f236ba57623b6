"""The baselines that use a trained prior, with the paper's settings for its kind."""

from typing import Any

from bitprior_train.priors.config import Kind
from bitprior_train.surgery.baselines.iagan import IAGAN
from bitprior_train.surgery.baselines.mganprior import MGANPrior
from bitprior_train.surgery.cuts import CutGenerator

_LATENT_STEPS: dict[Kind, int] = {"dcgan": 1600, "began": 1600, "vae": 1000}
_MGANPRIOR: dict[Kind, dict[str, float | int]] = {
    "dcgan": {"codes": 10, "lr": 3e-2, "steps": 5000},
    "began": {"codes": 20, "lr": 1e-3, "steps": 3000},
    "vae": {"codes": 20, "lr": 5e-3, "steps": 3000},
}


def iagan(whole: CutGenerator, kind: Kind, **options: Any) -> IAGAN:
    """Return IAGAN for a prior; ``options`` are laid over the paper's settings.

    Args:
        whole: G_0.
        kind: Of the prior.
        options: Of :class:`~bitprior_train.surgery.baselines.iagan.IAGAN`.

    Raises:
        TypeError: It has no such option.
    """
    return IAGAN(whole, **({"latent_steps": _LATENT_STEPS[kind]} | options))


def mganprior(whole: CutGenerator, rest: CutGenerator, kind: Kind, **options: Any) -> MGANPrior:
    """Return mGANprior for a prior; ``options`` are laid over the paper's settings.

    Args:
        whole: G_0.
        rest: G_c, with the blocks before it; the paper's cuts are those of its surgery.
        kind: Of the prior.
        options: Of :class:`~bitprior_train.surgery.baselines.mganprior.MGANPrior`.

    Raises:
        TypeError: It has no such option.
        UsageError: No block before the sum.
    """
    settings: dict[str, Any] = _MGANPRIOR[kind] | options
    return MGANPrior(rest, whole.variables, **settings)
