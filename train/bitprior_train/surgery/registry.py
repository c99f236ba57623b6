"""Every method of a comparison: its name on the command line, and how it is made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from bitprior_runtime.errors import UsageError
from bitprior_train.priors.config import Kind
from bitprior_train.surgery.baselines.deep_decoder import DeepDecoder
from bitprior_train.surgery.baselines.lasso_dct import LassoDCT, lasso_dct
from bitprior_train.surgery.baselines.of_prior import iagan, mganprior
from bitprior_train.surgery.cuts import CutGenerator
from bitprior_train.surgery.cuts import cut as cut_off
from bitprior_train.surgery.generator_surgery import GeneratorSurgery, UntrainedSurgery
from bitprior_train.surgery.intermediate import IntermediateLayers
from bitprior_train.surgery.prior import Prior, untrained
from bitprior_train.surgery.problem import Method

# The paper's, chosen on validation images of CelebA.
CUTS: dict[Kind, int] = {"dcgan": 1, "began": 2, "vae": 1}
# The paper's L-BFGS: steps of this length, and 20 iterations in each optimiser step.
_LR: dict[Kind, float] = {"dcgan": 0.1, "began": 1.0, "vae": 1.0}
_RAW_LR = 1.0
_INNER = 20
_OUTER = 25
_RAW_OUTER: dict[Kind, int] = {"dcgan": 100, "began": 100, "vae": 40}


@dataclass(frozen=True, eq=False)
class Task:
    """What a method with a prior is made for.

    Attributes:
        prior: The prior.
        raw: Whether A = I, for which the paper has other settings.
        validation: Returns images [B, 3, H, W] of the prior's own validation part.
    """

    prior: Prior
    raw: bool
    validation: Callable[[], Tensor]

    def cut(self, c: int) -> CutGenerator:
        """Return the prior without its first c blocks.

        Raises:
            UsageError: It was trained without, or has not so many.
        """
        if self.prior.config.model.cut:
            raise UsageError(
                "a prior trained whole",
                f"{self.prior.run}, trained without its first blocks",
                "use it with cut-before-training only",
            )
        return cut_off(self.prior.generator, self.prior.kind, c)

    def descent(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the paper's settings of L-BFGS, and what is ``given`` laid over them."""
        kind = self.prior.kind
        lr = _RAW_LR if self.raw else _LR[kind]
        outer = _RAW_OUTER[kind] if self.raw else _OUTER
        return {"lr": lr, "iterations": _INNER * outer, **given}


def _surgery(task: Task, cut: int | None = None, **options: Any) -> Method:
    c = CUTS[task.prior.kind] if cut is None else cut
    return GeneratorSurgery(task.cut(c), first_guess=lasso_dct, **task.descent(options))


def _uncut(task: Task, **options: Any) -> Method:
    return GeneratorSurgery(task.cut(0), first_guess=lasso_dct, **task.descent(options))


def _untrained(task: Task, cut: int | None = None, **options: Any) -> Method:
    kind = task.prior.kind
    c = CUTS[kind] if cut is None else cut

    def draw() -> CutGenerator:
        return cut_off(untrained(task.prior), kind, c)

    return UntrainedSurgery(draw, **task.descent(options))


def _intermediate(task: Task, cut: int | None = None, **options: Any) -> Method:
    c = CUTS[task.prior.kind] if cut is None else cut
    settings = task.descent(options)
    return IntermediateLayers(task.cut(0), task.cut(c), task.validation(), **settings)


def _iagan(task: Task, **options: Any) -> Method:
    return iagan(task.cut(0), task.prior.kind, **options)


def _mganprior(task: Task, cut: int | None = None, **options: Any) -> Method:
    c = CUTS[task.prior.kind] if cut is None else cut
    return mganprior(task.cut(0), task.cut(c), task.prior.kind, **options)


def _cut_before(task: Task, **options: Any) -> Method:
    generator = task.prior.generator
    if not isinstance(generator, CutGenerator):
        raise UsageError(
            "a prior trained without its first blocks",
            f"{task.prior.run}, trained whole",
            "train one with --set model.cut=1",
        )
    method = GeneratorSurgery(generator, first_guess=lasso_dct, **task.descent(options))
    method.name = "Cut before training"
    return method


@dataclass(frozen=True)
class Entry:
    """A method.

    Attributes:
        make: Makes it from a task, if it uses a prior, and settings by name.
        prior: Whether it uses a prior.
        cuts: Whether ``cut`` is one of its settings.
        inits: Whether ``init`` is.
    """

    make: Callable[..., Method]
    prior: bool = True
    cuts: bool = False
    inits: bool = False


METHODS: dict[str, Entry] = {
    "gs": Entry(_surgery, cuts=True, inits=True),
    "csgm": Entry(_uncut, inits=True),
    "untrained-gs": Entry(_untrained, cuts=True),
    "ilo": Entry(_intermediate, cuts=True),
    "cut-before-training": Entry(_cut_before, inits=True),
    "lasso-dct": Entry(LassoDCT, prior=False),
    "deep-decoder": Entry(DeepDecoder, prior=False),
    "iagan": Entry(_iagan),
    "mganprior": Entry(_mganprior, cuts=True),
}


def entry(name: str) -> Entry:
    """Return a method.

    Raises:
        UsageError: There is none of that name.
    """
    if name not in METHODS:
        raise UsageError(f"methods out of {', '.join(METHODS)}", repr(name), "choose from them")
    return METHODS[name]


def make_method(name: str, task: Task | None, options: Mapping[str, Any]) -> Method:
    """Make a method with the paper's settings, and ``options`` laid over them.

    Raises:
        UsageError: It has no such setting, or needs a prior.
    """
    found = entry(name)
    if found.prior and task is None:
        raise UsageError(f"a prior for {name}", "none", "name its run")
    try:
        made = found.make(task, **options) if found.prior else found.make(**options)
    except TypeError as error:
        raise UsageError(
            f"settings that {name} has", f"{dict(options)} ({error})", "change --set"
        ) from error
    return made
