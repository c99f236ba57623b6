"""The orderings (1) to (7): shown, refuted or not measured, from figures that are known."""

import numpy as np
import pytest
import scipy.stats

from bitprior_export.report.surgery.claims import ALMOST, ALWAYS, MOSTLY, Case, Claim
from bitprior_export.report.surgery.orderings import claims
from bitprior_export.report.surgery.pairing import (
    Difference,
    difference_of,
    paired,
    student,
    unpaired,
)
from bitprior_export.report.surgery.reading import parse_comparison
from builders.comparisons import MS, QUALITY, comparison, raw, trial


def verdicts(*documents):
    found = [parse_comparison(each, f"r{index}") for index, each in enumerate(documents)]
    return {claim.number: claim for claim in claims(found)}


def found_of(document, index=0):
    read = parse_comparison(document, "r")
    return read, read.trials[index]


def case(mean, half_width=0.5):
    return Case("celeba64", "dcgan, 32 filters", "m = 600", Difference(mean, half_width))


@pytest.mark.parametrize(
    ("share", "means", "verdict"),
    [
        (ALWAYS, [], "not measured"),
        (ALWAYS, [1, 1, 1], "shown"),
        (ALWAYS, [1, 1, -1], "refuted"),
        (ALWAYS, [1, 1, 0.2], "neither shown nor refuted"),
        (ALMOST, [1, 1, 1, 1, -1], "shown"),
        (ALMOST, [1, 1, 1, -1, -1], "refuted"),
        (MOSTLY, [1, 1, -1], "shown"),
        (MOSTLY, [1, -1], "refuted"),
        (MOSTLY, [0.2, 0.2], "neither shown nor refuted"),
    ],
)
def test_a_verdict_takes_intervals_and_not_means(share, means, verdict):
    assert Claim("(0)", "It holds", share, [case(mean) for mean in means]).verdict == verdict


def test_a_sentence_has_the_counts_and_the_extremes_with_their_intervals():
    claim = Claim("(0)", "It holds", MOSTLY, [case(1.0), case(-2.0), case(0.1)], "And so on.")
    place = "(dcgan, 32 filters, celeba64, m = 600)"
    assert claim.sentence == (
        "(0) It holds: neither shown nor refuted. It holds in 1 of 3 cases and fails in 1; "
        f"differences are -2.00 ± 0.50 dB {place} to +1.00 ± 0.50 dB {place}. And so on."
    )
    assert Claim("(0)", "It", 1, []).sentence == "(0) It: not measured."
    assert Claim("(0)", "It", 1, [case(1.0)]).sentence.endswith(
        f"The difference is +1.00 ± 0.50 dB {place}."
    )


@pytest.mark.parametrize("degrees", [4, 9, 19, 49, 99])
def test_the_quantile_of_students_t_is_scipys(degrees):
    assert student(degrees) == pytest.approx(scipy.stats.t.ppf(0.975, degrees), rel=3e-3)


def test_a_paired_interval_is_far_narrower_than_one_of_two_means():
    first, second = found_of(comparison(trial(psnr=26.0))), found_of(comparison(trial("CSGM")))
    near, far = paired(first, second), unpaired(first[1].psnr.values, second[1].psnr.values)
    assert near.mean == pytest.approx(far.mean)
    assert 4 * near.half_width < far.half_width
    a, b = np.array(first[1].psnr.values), np.array(second[1].psnr.values)
    interval = scipy.stats.ttest_rel(a, b).confidence_interval(0.95)
    assert near.mean - near.half_width == pytest.approx(interval.low, abs=1e-3)


def test_only_the_same_images_measurements_and_noise_are_paired():
    first = found_of(comparison(trial()))
    assert paired(first, found_of(comparison(trial("CSGM")))) is not None
    for other in (
        comparison(trial("CSGM"), dataset="coco64"),
        comparison(trial("CSGM"), split_hash="0" * 64),
        comparison(trial("CSGM"), seed=1),
        comparison(trial("CSGM"), part="validation, first 12 images"),
        comparison(trial("CSGM", operator="gaussian:m=600,seed=1")),
    ):
        assert paired(first, found_of(other)) is None


def test_fewer_images_of_the_same_front_are_compared_on_what_they_share():
    few = comparison(trial("IAGAN", images=5), part="test, first 5 images")
    first, second = found_of(few), found_of(comparison(trial()))
    expected = difference_of(first[1].psnr.values, second[1].psnr.values[:5])
    assert paired(first, second) == expected
    two = comparison(trial("IAGAN", images=2), part="test, first 2 images")
    assert paired(found_of(two), second) is None
    assert unpaired([1.0, 2.0], [1.0, 2.0, 3.0]) is None


def test_own_samples_of_two_priors_are_not_the_same_images():
    first = found_of(raw("own samples", 38, 34))
    other = raw("own samples", 30, 34)
    other["part"], other["split_hash"] = "made by another, 12 images", "0" * 64
    assert paired(first, found_of(other, 1)) is None
    assert paired(first, found_of(raw("own samples", 38, 34), 1)) is not None


@pytest.fixture(scope="module")
def everything():
    """Comparisons in which all orderings of the paper hold."""
    cuts = [
        trial("GS" if cut else "CSGM", m, 18 + 6 * (cut > 0) - 1.5 * cut, cut=cut)
        for cut in range(4)
        for m in (600, 2000)
    ]
    return (
        comparison(),
        comparison(*cuts, experiment="cuts"),
        raw("own samples", 38.0, 34.0),
        raw("celeba64", 19.0, 33.0),
        raw("coco64", 16.0, 31.0),
    )


def test_where_all_orderings_hold_all_are_shown(everything):
    found = verdicts(*everything)
    assert list(found) == [
        "(1)", "(2a)", "(2b)", "(3a)", "(3b)", "(3c)", "(4)", "(5a)", "(5b)", "(6)", "(7)",
        "(ours)",
    ]  # fmt: skip
    assert {claim.verdict for claim in found.values()} == {"shown"}
    assert len(found["(1)"].cases) == len(MS)
    assert "cut 1 against 3" in found["(6)"].sentence
    assert "38.0 dB on own samples; 19.0 dB on celeba64, test; 16.0 dB on coco64, test" in (
        found["(5a)"].sentence
    )


def test_where_they_do_not_hold_they_are_refuted():
    worse = dict.fromkeys(QUALITY, 20.0) | {"GS": 15.0, "CSGM": 18.0, "IAGAN": 14.0}
    rows = [trial(method, m, psnr) for method, psnr in worse.items() for m in MS]
    rows += [trial("CSGM", m, 25.0, prior="vae") for m in MS[:1]]
    deeper = [trial("GS", 600, 20.0 + cut, cut=cut) for cut in (1, 2, 3)]
    found = verdicts(
        comparison(*rows),
        comparison(*deeper, experiment="cuts"),
        raw("own samples", 19.0, 34.0),
        raw("celeba64", 30.0, 20.0),
    )
    assert {number for number, claim in found.items() if claim.verdict == "refuted"} == {
        "(1)", "(2a)", "(2b)", "(3a)", "(3b)", "(3c)", "(4)", "(5a)", "(5b)", "(6)", "(7)",
    }  # fmt: skip
    assert found["(6)"].cases[0].difference.mean == pytest.approx(-1.0, abs=0.02)


def test_what_was_not_measured_is_called_so():
    found = verdicts(comparison(trial()))
    assert {claim.verdict for claim in found.values()} == {"not measured"}


def test_low_bit_priors_stay_out_of_the_papers_orderings():
    rows = [trial(method, bits=4) for method in ("GS", "CSGM", "Untrained GS")]
    assert verdicts(comparison(*rows))["(1)"].verdict == "not measured"


def test_too_few_images_decide_nothing():
    rows = [trial(method, images=2) for method in QUALITY]
    cuts = [trial(images=2, cut=cut) for cut in (1, 2)]
    own, real = (raw(name, 30, 31) for name in ("own samples", "celeba64"))
    for document in (own, real):
        document["rows"] = [trial(row["method"], 12288, images=2) for row in document["rows"]]
    found = verdicts(comparison(*rows), comparison(*cuts, experiment="cuts"), own, real)
    assert {claim.verdict for claim in found.values()} == {"not measured"}


def test_cuts_on_other_measurements_are_not_averaged():
    rows = [trial(cut=1), trial(cut=2, operator="gaussian:m=600,seed=1")]
    assert verdicts(comparison(*rows, experiment="cuts"))["(6)"].verdict == "not measured"
    one = comparison(trial(cut=1), experiment="cuts")
    two = comparison(trial(cut=2), experiment="cuts", seed=1)
    assert verdicts(one, two)["(6)"].verdict == "not measured"
