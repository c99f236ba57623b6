"""Masks, coded apertures, averages, random patterns of a frame, and colour channels."""

from pathlib import Path

import numpy as np
import pytest

from bitprior_runtime.errors import UsageError
from bitprior_runtime.sensing import (
    Averages,
    ChannelSum,
    Coded,
    Hadamard,
    Mask,
    Operator,
    PerChannel,
    parse_operator,
    to_scipy,
)
from bitprior_runtime.sensing.drawn import gaussian_matrix, rademacher_signs
from builders.operators import as_matrix, check_adjoint, dense

RANDOM = np.random.default_rng(0)
FRAME = (6, 8)
KEPT = RANDOM.random(FRAME) < 0.4
X = RANDOM.random((2, 3, *FRAME))


def test_a_mask_keeps_pixels_row_by_row(tmp_path: Path) -> None:
    wanted = np.eye(48)[KEPT.ravel()]
    operator = Mask(KEPT)
    as_matrix(operator, X, wanted)
    check_adjoint(operator)
    np.save(tmp_path / "bits.npy", KEPT.astype(np.uint8))
    np.save(tmp_path / "numbers.npy", np.flatnonzero(KEPT))
    for name in ("bits", "numbers"):
        found = parse_operator(f"mask:{tmp_path}/{name}.npy", FRAME)
        np.testing.assert_array_equal(dense(found), wanted)
    assert parse_operator(f"mask:{tmp_path}/bits.npy").frame == FRAME


def test_a_drawn_mask_keeps_the_pixels_that_an_exported_one_keeps() -> None:
    operator = parse_operator("mask:keep=0.25,seed=7", FRAME)
    drawn = np.random.default_rng(7).permutation(48)[:12]
    assert list(operator.index) == sorted(drawn)


@pytest.mark.parametrize("factor", [1, 2])
@pytest.mark.parametrize("shots", [1, 3])
def test_codes_weigh_pixels_and_squares_are_summed(factor: int, shots: int) -> None:
    codes = RANDOM.random((shots, *FRAME))
    operator = Coded(codes if shots > 1 else codes[0], factor)
    wanted = []
    for code in codes:
        for top in range(0, 6, factor):
            for left in range(0, 8, factor):
                square = np.zeros(FRAME)
                square[top : top + factor, left : left + factor] = 1
                wanted.append((code * square).ravel())
    as_matrix(operator, X, np.array(wanted))
    check_adjoint(operator)


def test_codes_and_averages_by_their_text(tmp_path: Path) -> None:
    np.save(tmp_path / "c.npy", RANDOM.random((2, *FRAME)))
    coded = parse_operator(f"coded:{tmp_path}/c.npy,factor=2")
    assert (coded.frame, coded.size) == (FRAME, 24)
    means = parse_operator("superres:factor=2", FRAME)
    wanted = X.reshape(2, 3, 3, 2, 4, 2).mean(axis=(3, 5)).reshape(2, -1)
    np.testing.assert_allclose(means.forward(X), wanted, atol=1e-6)
    as_matrix(means, X, dense(means))
    check_adjoint(Averages(FRAME, 2))


@pytest.mark.parametrize("m", [1, 5, 103])
def test_random_patterns_are_those_of_export(m: int) -> None:
    gaussian = parse_operator(f"gaussian:m={m},seed=3", FRAME)
    np.testing.assert_allclose(dense(gaussian), gaussian_matrix(m, 48, 3), rtol=1e-6)
    signs, scale = rademacher_signs(m, 48, 3)
    rademacher = parse_operator(f"rademacher:m={m},seed=3", FRAME)
    np.testing.assert_allclose(dense(rademacher), signs * scale, rtol=1e-6)
    for operator in (gaussian, rademacher):
        check_adjoint(operator)


def test_signs_drawn_in_parts_are_those_drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from bitprior_runtime.sensing import drawn

    wanted = np.random.default_rng(3).integers(0, 2, (37, 9), dtype=np.int8) * 2.0 - 1
    for together in (2**22, 1, 50):
        monkeypatch.setattr(drawn, "_DRAWN", together)
        np.testing.assert_array_equal(rademacher_signs(37, 9, 3)[0], wanted)


def channels() -> list[Hadamard]:
    return [Hadamard((4, 8), np.roll(np.arange(32), -k)[:9]) for k in range(3)]


def test_channels_are_summed_or_each_measured_in_its_own_way() -> None:
    x, parts = RANDOM.random((2, 3, 4, 8)), [dense(operator) for operator in channels()]
    apart = [x[:, c].reshape(2, -1) @ part.T for c, part in enumerate(parts)]
    total, each = ChannelSum(channels()), PerChannel(channels())
    np.testing.assert_allclose(total.forward(x), sum(apart), atol=1e-4)
    np.testing.assert_allclose(each.forward(x), np.concatenate(apart, axis=1), atol=1e-4)
    for operator in (total, each):
        assert isinstance(operator, Operator)
        y = RANDOM.random(operator.forward(x).shape)
        one, other = np.sum(operator.forward(x) * y), np.sum(x * operator.adjoint(y))
        assert abs(one - other) < 1e-4 * abs(one)


@pytest.mark.parametrize("kind", [ChannelSum, PerChannel])
def test_channels_that_do_not_fit_are_refused(kind) -> None:
    with pytest.raises(UsageError, match="none"):
        kind([])
    with pytest.raises(UsageError, match="9 of 4x8, 9 of 8x4"):
        kind([channels()[0], Hadamard((8, 4), m=9)])
    with pytest.raises(UsageError, match="3 channels"):
        kind(channels()).forward(np.zeros((1, 1, 4, 8)))
    with pytest.raises(UsageError, match="measured"):
        kind(channels()).adjoint(np.zeros((1, 10)))


def test_scipy_solves_with_an_operator() -> None:
    linalg = pytest.importorskip("scipy.sparse.linalg", reason="scipy is not installed")
    operator = Hadamard((4, 8), m=20)
    found, a = to_scipy(operator), dense(operator)
    assert found.shape == (20, 32)
    x, y = RANDOM.random((32, 3)), RANDOM.random((20, 3))
    np.testing.assert_allclose(found @ x, a @ x, atol=1e-4)
    np.testing.assert_allclose(found @ x[:, 0], a @ x[:, 0], atol=1e-4)
    np.testing.assert_allclose(found.T @ y, a.T @ y, atol=1e-4)
    solved = linalg.lsqr(found, a @ x[:, 0], atol=1e-8, btol=1e-8)[0]
    np.testing.assert_allclose(solved, np.linalg.pinv(a) @ a @ x[:, 0], atol=1e-3)


BAD = {
    "a share of nothing": ("mask:keep=0", "above 0"),
    "no share": ("mask:seed=1", "the key keep"),
    "a share above one": ("mask:keep=1.5", "above 0"),
    "a factor that does not divide": ("superres:factor=4", "divides the frame 6x8"),
    "no factor": ("superres:", "the key factor"),
    "no rows": ("gaussian:seed=1", "the key m"),
    "too large": ("gaussian:m=99999999", "at most 268435456 bytes"),
    "no codes": ("coded:factor=2", "a file"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_names_no_mask_is_refused_in_one_line(case: str) -> None:
    text, named = BAD[case]
    with pytest.raises(UsageError) as refused:
        parse_operator(text, FRAME)
    assert named in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: Mask(np.zeros(FRAME, bool)), "at least one"),
        (lambda: Mask(KEPT, (8, 6)), "frame 8x6"),
        (lambda: Mask(np.array([1, 1]), FRAME), "1 repeated"),
        (lambda: Mask(np.array([1, 2])), "a frame"),
        (lambda: Coded(np.zeros(FRAME)), "only zeros"),
        (lambda: Coded(np.ones(8)), r"\[H,W\]"),
        (lambda: Coded(np.ones(FRAME), 0), "a factor"),
    ],
)
def test_what_is_no_mask_is_refused(make, named: str) -> None:
    with pytest.raises(UsageError, match=named):
        make()
