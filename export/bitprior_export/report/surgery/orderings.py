"""The orderings (1) to (7) that Generator Surgery finds, looked for in comparisons."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import mean

from bitprior_export.report.surgery.claims import ALMOST, ALWAYS, MOSTLY, Case, Claim
from bitprior_export.report.surgery.comparison import (
    CUT_BEFORE,
    DECODER,
    GS,
    IAGAN,
    ILO,
    LASSO,
    MGAN,
    NO_GS,
    UNTRAINED,
    Comparison,
)
from bitprior_export.report.surgery.pairing import Difference, paired
from bitprior_export.report.surgery.representation import representation_claims
from bitprior_export.report.surgery.selection import Line, beside, float_lines, lines, networks
from bitprior_export.report.surgery.sweep import too_many_cuts


def claims(comparisons: Sequence[Comparison]) -> Sequence[Claim]:
    """Return every ordering of the paper, measured or not, and then ours."""
    panels = _panels(comparisons)

    def over(first: str, second: str) -> Sequence[Case]:
        return list(_over(panels, first, second))

    return [
        Claim("(1)", "GS is above no GS at every m", ALWAYS, over(GS, NO_GS)),
        Claim("(2a)", "GS is above Lasso-DCT at almost every m", ALMOST, over(GS, LASSO)),
        Claim(
            "(2b)",
            "No GS is above Lasso-DCT at the lowest m and below it at the highest",
            ALWAYS,
            list(_crossing(panels, NO_GS, LASSO)),
        ),
        Claim("(3a)", "GS is mostly above mGANprior", MOSTLY, over(GS, MGAN)),
        Claim(
            "(3b)",
            "Deep Decoder is above GS at the lowest m and below it at the highest",
            ALWAYS,
            list(_crossing(panels, DECODER, GS)),
            _average(over(GS, DECODER), "GS minus Deep Decoder"),
        ),
        Claim("(3c)", "IAGAN is above every other method", ALWAYS, list(_best(panels, IAGAN))),
        Claim("(4)", "Trained GS is above untrained GS at every m", ALWAYS, over(GS, UNTRAINED)),
        *representation_claims(comparisons),
        too_many_cuts(comparisons),
        Claim(
            "(7)",
            "Cutting before training is below cutting after it at every m",
            ALWAYS,
            over(GS, CUT_BEFORE),
        ),
        Claim("(ours)", "ILO is above the plain cut at every m", ALWAYS, over(ILO, GS)),
    ]


Panel = tuple[str, str, Mapping[str, Line]]


def _panels(comparisons: Sequence[Comparison]) -> Sequence[Panel]:
    """Return (data set, network, lines by method) of 32-bit priors."""
    found = float_lines(lines(comparisons))
    return [
        (dataset, network, beside(found, dataset, network)) for dataset, network in networks(found)
    ]


def _over(panels: Sequence[Panel], first: str, second: str) -> Iterator[Case]:
    """Yield one method minus another at every m that both were run with."""
    for dataset, network, methods in panels:
        for m, difference in _differences(methods, first, second).items():
            yield Case(dataset, network, f"m = {m}", difference)


def _differences(methods: Mapping[str, Line], first: str, second: str) -> Mapping[int, Difference]:
    if first not in methods or second not in methods:
        return {}
    a, b = methods[first].points, methods[second].points
    found = {m: paired(a[m], b[m]) for m in a if m in b}
    return {m: difference for m, difference in found.items() if difference is not None}


def _crossing(panels: Sequence[Panel], first: str, second: str) -> Iterator[Case]:
    """Yield first minus second at the lowest m, second minus first at the highest."""
    for dataset, network, methods in panels:
        found = _differences(methods, first, second)
        if len(found) > 1:
            low, high = min(found), max(found)
            yield Case(dataset, network, f"m = {low}", found[low])
            yield Case(dataset, network, f"m = {high}", found[high].negative)


def _best(panels: Sequence[Panel], method: str) -> Iterator[Case]:
    """Yield a method minus the best other one of the paper at every m."""
    for dataset, network, methods in panels:
        rivals = [name for name in methods if name not in (method, ILO)]
        against = {name: _differences(methods, method, name) for name in rivals}
        for m in methods[method].points if method in methods else ():
            closest = min(
                ((found[m].mean, name) for name, found in against.items() if m in found),
                default=None,
            )
            if closest is not None:
                name = closest[1]
                yield Case(dataset, network, f"m = {m}, {name}", against[name][m])


def _average(cases: Sequence[Case], what: str) -> str:
    if not cases:
        return ""
    means = [case.difference.mean for case in cases]
    return (
        f"{what} is {mean(means):+.2f} dB on average over all m, {min(means):+.2f} to "
        f"{max(means):+.2f}."
    )
