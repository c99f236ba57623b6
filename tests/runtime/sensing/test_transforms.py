"""Wavelets, cosines, fringes and convolutions against their formulas, entry by entry."""

import os
from pathlib import Path

import numpy as np
import pytest

from bitprior_runtime.errors import UsageError
from bitprior_runtime.sensing import Convolution, Cosines, Fringes, Wavelet, parse_operator
from bitprior_runtime.sensing.wavelet import nested
from builders.operators import as_matrix, check_adjoint, dense

RANDOM = np.random.default_rng(0)
FRAME = (8, 12)
ROOT = np.sqrt(2)


def haar(side: int, level: int) -> tuple[np.ndarray, np.ndarray]:
    step, phi = 2**level, np.zeros((side // 2**level, side))
    psi = phi.copy()
    for k in range(len(phi)):
        phi[k, step * k : step * (k + 1)] = 2.0 ** (-level / 2)
        psi[k] = phi[k]
        psi[k, step * k : step * k + step // 2] *= -1
    return phi, psi


def by_levels(filters, levels: int, finest: int) -> np.ndarray:
    down, across = ([filters(side, j) for j in range(1, levels + 1)] for side in FRAME)
    rows = [np.kron(down[-1][0], across[-1][0])]
    for j in range(levels, finest - 1, -1):
        (pd, sd), (pa, sa) = down[j - 1], across[j - 1]
        rows += [np.kron(sd, pa), np.kron(pd, sa), np.kron(sd, sa)]
    return np.vstack(rows)


@pytest.mark.parametrize(("levels", "finest"), [(1, 1), (2, 1), (2, 2)])
def test_haar_coefficients_are_those_of_step_functions(levels: int, finest: int) -> None:
    operator, wanted = Wavelet(FRAME, "haar", levels, finest), by_levels(haar, levels, finest)
    np.testing.assert_allclose(dense(operator), wanted, atol=1e-6)
    if finest == 1:
        np.testing.assert_allclose(wanted @ wanted.T, np.eye(96), atol=1e-12)
    as_matrix(operator, RANDOM.random((2, 2, *FRAME)), wanted)
    check_adjoint(operator)


def lifted(x: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Return approximation and detail of the 5/3 wavelet by its lifting steps."""
    even, odd = (np.take(x, range(i, x.shape[axis], 2), axis) for i in (0, 1))
    detail = odd - (even + np.roll(even, -1, axis)) / 2
    return (even + (detail + np.roll(detail, 1, axis)) / 4) * ROOT, detail / ROOT


def test_the_5_3_wavelet_is_that_of_its_lifting_steps() -> None:
    x, operator = RANDOM.random(FRAME), Wavelet(FRAME, "cdf53", 2)
    np.testing.assert_allclose(operator.forward(x[None, None])[0], lifted_twice(x), atol=1e-5)
    as_matrix(operator, RANDOM.random((2, 2, *FRAME)), dense(operator))
    check_adjoint(operator)


def lifted_twice(x: np.ndarray) -> np.ndarray:
    parts: list[np.ndarray] = []
    for _ in range(2):
        low, high = lifted(x, 0)
        (x, lh), (hl, hh) = lifted(low, 1), lifted(high, 1)
        parts = [hl.ravel(), lh.ravel(), hh.ravel(), *parts]
    return np.concatenate([x.ravel(), *parts])


def test_coefficients_have_their_places_in_the_nested_picture() -> None:
    operator = Wavelet((8, 8), "haar", 2, 2)
    x = RANDOM.random((1, 1, 8, 8))
    phi, psi = haar(8, 2)
    picture = np.block([[phi @ x[0, 0] @ phi.T, phi @ x[0, 0] @ psi.T],
                        [psi @ x[0, 0] @ phi.T, psi @ x[0, 0] @ psi.T]])  # fmt: skip
    np.testing.assert_allclose(picture.ravel()[nested(operator.shapes)],
                               operator.forward(x)[0], atol=1e-5)  # fmt: skip
    text = "wavelet:kind=haar,levels=2,finest=2,layout=nested"
    np.testing.assert_allclose(parse_operator(text, (8, 8)).forward(x)[0], picture.ravel(),
                               atol=1e-5)  # fmt: skip


def test_the_rows_of_a_real_acquisition_are_these() -> None:
    folder = os.environ.get("BITPRIOR_DATA")
    file = Path(folder or "none") / "acquisitions" / "spirit_jaszczak_haar.npz"
    if not file.is_file():
        pytest.skip("needs BITPRIOR_DATA with acquisitions/spirit_jaszczak_haar.npz")
    stored = np.load(file, allow_pickle=False)
    text = "wavelet:kind=haar,levels=4,finest=2,layout=nested"
    operator = parse_operator(text, (128, 128))
    assert operator.size == stored["y"].size
    x = RANDOM.random((128, 128))
    wanted = np.zeros((64, 64))
    wanted[:8, :8] = stored["phi4"] @ x @ stored["phi4"].T
    for j in (4, 3, 2):
        k = 128 // 2**j
        phi, psi = stored[f"phi{j}"], stored[f"psi{j}"]
        wanted[k : 2 * k, :k] = psi @ x @ phi.T
        wanted[:k, k : 2 * k] = phi @ x @ psi.T
        wanted[k : 2 * k, k : 2 * k] = psi @ x @ psi.T
    np.testing.assert_allclose(operator.forward(x[None, None])[0], wanted.ravel(), atol=1e-4)


def test_cosines_are_orthonormal_and_low_ones_come_first() -> None:
    operator = Cosines(FRAME)
    rows = dense(operator)
    np.testing.assert_allclose(rows @ rows.T, np.eye(96), atol=1e-5)
    pairs = sorted(np.ndindex(FRAME), key=lambda p: (p[0] * 12 + p[1] * 8, p[0]))
    r, c = np.indices(FRAME)
    wanted = [np.cos(np.pi * i * (r + 0.5) / 8) * np.cos(np.pi * j * (c + 0.5) / 12)
              for i, j in pairs]  # fmt: skip
    flat = np.array(wanted).reshape(96, -1)
    np.testing.assert_allclose(rows, flat / np.linalg.norm(flat, axis=1, keepdims=True), atol=1e-5)
    check_adjoint(Cosines(FRAME, 30))
    np.testing.assert_allclose(dense(parse_operator("dct:m=30", FRAME)), rows[:30], atol=1e-6)


@pytest.mark.parametrize("frame", [(8, 12), (5, 6), (3, 3), (1, 4)])
@pytest.mark.parametrize("steps", [3, 4])
def test_fringes_are_cosines_from_0_to_1_in_equal_steps(frame: tuple[int, int], steps: int) -> None:
    operator = Fringes(frame, steps)
    r, c = np.indices(frame)
    wanted = [
        (1 + np.cos(2 * np.pi * (f * r / frame[0] + g * c / frame[1] + s / steps))) / 2
        for f, g in operator.frequencies.tolist() for s in range(steps)
    ]  # fmt: skip
    flat = np.array(wanted).reshape(operator.size, -1)
    np.testing.assert_allclose(dense(operator), flat, atol=1e-5)
    as_matrix(operator, RANDOM.random((2, 1, *frame)), flat)
    check_adjoint(operator)
    assert np.linalg.matrix_rank(flat, tol=1e-6) == frame[0] * frame[1]
    level = [(f / frame[0]) ** 2 + (g / frame[1]) ** 2 for f, g in operator.frequencies.tolist()]
    assert np.all(np.diff(level) > -1e-12)


def test_phase_steps_give_the_fourier_coefficients() -> None:
    x = RANDOM.random(FRAME)
    for steps in (3, 4):
        operator = Fringes(FRAME, steps, 20)
        y = operator.forward(x[None, None])[0].reshape(20, steps).astype(np.float64)
        f, g = operator.frequencies.T
        wanted = np.fft.fft2(x)[f, g]
        if steps == 4:
            found = y[:, 0] - y[:, 2] + 1j * (y[:, 1] - y[:, 3])
        else:
            found = (2 * y[:, 0] - y[:, 1] - y[:, 2]) * 2 / 3
            found = found + 1j * (y[:, 1] - y[:, 2]) * 2 / np.sqrt(3)
        np.testing.assert_allclose(found, wanted, atol=1e-4)


def convolved(psf, x, sensor, origin, wrap):
    """Add up what the formula says, term by term."""
    (height, width), y = x.shape, np.zeros(sensor)
    tops = [(a - b) // 2 for a, b in zip(x.shape, sensor, strict=True)]
    for r, c in np.ndindex(*sensor):
        for u, v in np.ndindex(*psf.shape):
            i, j = r + tops[0] - (u - origin[0]), c + tops[1] - (v - origin[1])
            if wrap or (0 <= i < height and 0 <= j < width):
                y[r, c] += psf[u, v] * x[i % height, j % width]
    return y


@pytest.mark.parametrize("edges", ["dark", "wrap"])
@pytest.mark.parametrize("origin", ["centre", "first"])
@pytest.mark.parametrize(
    ("frame", "sensor", "shape"),
    [((8, 12), (8, 12), (3, 5)), ((9, 8), (4, 5), (4, 2)), ((6, 6), (3, 2), (6, 6))],
)
def test_convolution_is_that_of_its_formula(edges, origin, frame, sensor, shape) -> None:
    psf, x = RANDOM.random(shape), RANDOM.random(frame)
    at = (0, 0) if origin == "first" else (shape[0] // 2, shape[1] // 2)
    operator = Convolution(psf, frame, sensor, edges, origin)
    wanted = convolved(psf, x, sensor, at, edges == "wrap")
    np.testing.assert_allclose(operator.forward(x[None, None])[0], wanted.ravel(), atol=1e-5)
    as_matrix(operator, RANDOM.random((2, 2, *frame)), dense(operator))
    check_adjoint(operator)


def test_a_convolution_is_named_by_the_file_of_its_function(tmp_path: Path) -> None:
    psf = RANDOM.integers(0, 65535, (5, 4), dtype=np.uint16)
    np.savez(tmp_path / "c.npz", psf=psf)
    text = f"convolution:psf={tmp_path}/c.npz#psf,frame=8x10,sensor=4x6,edges=wrap,origin=first"
    x = RANDOM.random((1, 1, 8, 10))
    wanted = Convolution(psf, (8, 10), (4, 6), "wrap", "first")
    np.testing.assert_array_equal(parse_operator(text).forward(x), wanted.forward(x))
    assert parse_operator(text).digest == wanted.digest


BAD = {
    "another wavelet": ("wavelet:kind=db4,levels=1", "haar, cdf53"),
    "no levels": ("wavelet:kind=haar", "the key levels"),
    "levels that do not divide": ("wavelet:levels=3", "2^levels"),
    "a finest level beyond": ("wavelet:levels=2,finest=3", "finest from 1 to 2"),
    "too many cosines": ("dct:m=97", "1 to 96"),
    "five steps": ("fourier:steps=5", "3 or 4"),
    "too many frequencies": ("fourier:frequencies=97", "frequencies from 1"),
    "no function": ("convolution:frame=8x12", "the key psf"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_names_no_transform_is_refused_in_one_line(case: str) -> None:
    text, named = BAD[case]
    with pytest.raises(UsageError) as refused:
        parse_operator(text, FRAME)
    assert named in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((np.zeros((3, 3)), (8, 8)), "only zeros"),
        ((np.full((3, 3), np.nan), (8, 8)), "NaN"),
        ((np.ones((3, 3)) * 1j, (8, 8)), "complex"),
        ((np.ones((3, 3, 3)), (8, 8)), r"\[h,w\]"),
        ((np.ones((3, 3)), (8, 8), (9, 8)), "at most the frame"),
        ((np.ones((9, 9)), (8, 8), None, "wrap"), "edges=dark"),
        ((np.ones((3, 3)), (8, 8), None, "mirror"), "dark or wrap"),
    ],
)
def test_what_is_no_convolution_is_refused(arguments, named: str) -> None:
    with pytest.raises(UsageError, match=named):
        Convolution(*arguments)
