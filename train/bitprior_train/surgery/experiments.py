"""The experiments of Generator Surgery: which operators, and which methods with which settings."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from bitprior_runtime.errors import UsageError
from bitprior_train.surgery.cuts import blocks_of
from bitprior_train.surgery.inits import INITS
from bitprior_train.surgery.operators import (
    Gaussian,
    Geometry,
    Identity,
    Inpainting,
    Operator,
    SuperResolution,
)
from bitprior_train.surgery.prior import Prior
from bitprior_train.surgery.problem import NOISE
from bitprior_train.surgery.registry import entry

Experiment = Literal["gaussian", "raw", "inits", "cuts", "mask", "superres"]
EXPERIMENTS: tuple[Experiment, ...] = get_args(Experiment)
# m where none is given, of 3 x 64 x 64; the paper has 100 to 6000, and 2000 for single ratios.
_SWEEP, _SINGLE = (100, 300, 600, 1000, 2000), (2000,)


@dataclass(frozen=True, eq=False)
class Trial:
    """A method with its settings.

    Attributes:
        method: Its key in :data:`~bitprior_train.surgery.registry.METHODS`.
        prior: The prior it uses, if it uses one.
        options: Settings other than the paper's.
    """

    method: str
    prior: Prior | None
    options: Mapping[str, Any]


def check_experiment(name: str) -> Experiment:
    """Return ``name`` if it is an experiment.

    Raises:
        UsageError: It is not.
    """
    for known in EXPERIMENTS:
        if known == name:
            return known
    raise UsageError(f"an experiment out of {', '.join(EXPERIMENTS)}", repr(name), "choose one")


def noise_of(experiment: Experiment) -> float:
    """Return the norm of the noise for images of 3 x 64 x 64: none where A = I."""
    return 0.0 if experiment == "raw" else NOISE


def operators(
    experiment: Experiment, measurements: Sequence[int], geometry: Geometry, seed: int
) -> Iterator[Operator]:
    """Yield the operators of an experiment, one after the other: a matrix may take 300 MB.

    Args:
        experiment: The experiment.
        measurements: m of each Gaussian operator; none: the experiment's own.
        geometry: (C, H, W).
        seed: Of A.
    """
    if experiment == "raw":
        yield Identity(geometry)
    elif experiment == "mask":
        yield Inpainting(geometry, seed=seed)
    elif experiment == "superres":
        yield SuperResolution(geometry)
    else:
        for m in measurements or (_SWEEP if experiment == "gaussian" else _SINGLE):
            yield Gaussian(geometry, m, seed)


def trials(
    experiment: Experiment,
    methods: Sequence[str],
    priors: Sequence[Prior],
    settings: Mapping[str, Mapping[str, Any]],
) -> list[Trial]:
    """Return what an experiment tries on every operator.

    Args:
        experiment: ``inits`` tries every init, ``cuts`` every cut, of the methods that have such a
            setting; the others just the methods.
        methods: Keys of methods.
        priors: Each is used by every method that uses one.
        settings: Settings other than the paper's, by method.

    Raises:
        UsageError: Unknown methods, or a prior is missing.
    """
    unused = settings.keys() - set(methods)
    if unused:
        raise UsageError(
            f"settings of {', '.join(methods)}", ", ".join(sorted(unused)), "change --set"
        )
    found: list[Trial] = []
    for method in methods:
        given = settings.get(method, {})
        if not entry(method).prior:
            found.append(Trial(method, None, given))
        elif not priors:
            raise UsageError(f"a prior for {method}", "none", "name its run")
        for prior in priors if entry(method).prior else ():
            variations = _variations(experiment, method, prior)
            found += [Trial(method, prior, {**given, **varied}) for varied in variations]
    return found


def _variations(experiment: Experiment, method: str, prior: Prior) -> list[dict[str, Any]]:
    has = entry(method)
    if experiment == "inits" and has.inits:
        return [{"init": init} for init in INITS]
    if experiment == "cuts" and has.cuts:
        return [{"cut": c} for c in range(len(blocks_of(prior.generator, prior.kind)[0]))]
    return [{}]
