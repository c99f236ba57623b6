"""What Generator Surgery finds, as claims that our own figures show or refute."""

from collections.abc import Sequence
from dataclasses import dataclass

from bitprior_export.report.surgery.pairing import Difference

# Shares of cases in which a claim must hold.
ALWAYS, ALMOST, MOSTLY = 1.0, 0.8, 2 / 3


@dataclass(frozen=True)
class Case:
    """One comparison of two means that a claim speaks of.

    Attributes:
        dataset: Data set of the images.
        network: The prior's network.
        where: What else tells it apart, e.g. ``"m = 600"``.
        difference: In the claim's direction: above zero where it holds.
    """

    dataset: str
    network: str
    where: str
    difference: Difference

    @property
    def place(self) -> str:
        """All of it, for a sentence."""
        return ", ".join(filter(None, (self.network, self.dataset, self.where)))


@dataclass(frozen=True)
class Claim:
    """An ordering of the paper, or one of ours.

    Attributes:
        number: E.g. ``"(2)"``.
        text: What is claimed.
        share: Share of the cases in which it must hold.
        cases: What was measured.
        remark: More figures.
    """

    number: str
    text: str
    share: float
    cases: Sequence[Case]
    remark: str = ""

    @property
    def verdict(self) -> str:
        """Whether it is shown: by intervals above zero in the share of cases that it takes.

        It is refuted where so many intervals are below zero that this cannot be.
        """
        if not self.cases:
            return "not measured"
        needed = self.share * len(self.cases)
        holds = sum(case.difference.above for case in self.cases)
        fails = sum(case.difference.below for case in self.cases)
        if holds >= needed:
            return "shown"
        return "refuted" if len(self.cases) - fails < needed else "neither shown nor refuted"

    @property
    def sentence(self) -> str:
        """The claim, its verdict and the figures."""
        parts = [f"{self.number} {self.text}: {self.verdict}."]
        if self.cases:
            parts.append(self._figures())
        if self.remark:
            parts.append(self.remark)
        return " ".join(parts)

    def _figures(self) -> str:
        ordered = sorted(self.cases, key=lambda case: case.difference.mean)
        least, most = ordered[0], ordered[-1]
        if len(ordered) == 1:
            return f"The difference is {least.difference} ({least.place})."
        holds = sum(case.difference.above for case in ordered)
        fails = sum(case.difference.below for case in ordered)
        return (
            f"It holds in {holds} of {len(ordered)} cases and fails in {fails}; differences are "
            f"{least.difference} ({least.place}) to {most.difference} ({most.place})."
        )
