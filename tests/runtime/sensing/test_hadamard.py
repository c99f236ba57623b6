"""Hadamard patterns against matrices that are written out by another rule."""

import time

import numpy as np
import pytest

from bitprior_runtime.errors import UsageError
from bitprior_runtime.sensing import Hadamard, parse_operator
from bitprior_runtime.sensing.drawn import walsh_rows
from bitprior_runtime.sensing.hadamard import order_of, transform
from builders.operators import as_matrix, check_adjoint, dense

FRAMES = ((8, 4), (4, 16), (8, 8), (1, 8), (64, 2))
ORDERS = ("natural", "sequency", "sequency-rows", "sequency-columns", "dyadic", "cake-cutting")
RANDOM = np.random.default_rng(0)


def natural(n: int) -> np.ndarray:
    """Entry (i, j) is -1 to the number of ones that i and j share in binary."""
    i, j = np.indices((n, n))
    shared = np.array([[bin(a & b).count("1") for a, b in zip(*rows, strict=True)]
                       for rows in zip(i.tolist(), j.tolist(), strict=True)])  # fmt: skip
    return 1 - 2.0 * (shared % 2)


def sign_changes(pattern: np.ndarray) -> tuple[int, int]:
    """Return the sequencies of a pattern down and across."""
    down, across = (np.count_nonzero(np.diff(line)) for line in (pattern[:, 0], pattern[0]))
    return int(down), int(across)


def regions(pattern: np.ndarray) -> int:
    """Count regions of equal sign by filling them one after the other."""
    left, count = set(np.ndindex(*pattern.shape)), 0
    while left:
        todo, count = [left.pop()], count + 1
        while todo:
            y, x = todo.pop()
            near = {(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)} & left
            same = [place for place in near if pattern[place] == pattern[y, x]]
            left.difference_update(same)
            todo.extend(same)
    return count


@pytest.mark.parametrize("n", [1, 2, 8, 64, 1024])
def test_the_transform_is_the_product_with_the_matrix(n: int) -> None:
    x = RANDOM.integers(-8, 9, (3, n)).astype(np.float32)
    np.testing.assert_array_equal(transform(x), x @ natural(n))


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("order", ORDERS)
def test_every_order_is_a_permutation_of_the_rows_of_the_matrix(
    frame: tuple[int, int], order: str
) -> None:
    n = frame[0] * frame[1]
    operator = Hadamard(frame, order)
    assert sorted(operator.index) == list(range(n))
    rows = natural(n)[operator.index]
    np.testing.assert_array_equal(dense(operator), rows)
    as_matrix(operator, RANDOM.random((2, 3, *frame)), rows)
    check_adjoint(operator)


def patterns(order: str, layout: str = "2d", frame: tuple[int, int] = (8, 4)) -> np.ndarray:
    return dense(Hadamard(frame, order, layout=layout)).reshape(-1, *frame)


def test_sequencies_rise_as_the_orders_say() -> None:
    pairs = [(i, j) for i in range(8) for j in range(4)]
    found = {order: [sign_changes(p) for p in patterns(order)] for order in ORDERS}
    assert found["sequency-rows"] == pairs
    assert found["sequency-columns"] == [(i, j) for j in range(4) for i in range(8)]
    assert found["sequency"] == sorted(pairs, key=lambda pair: (sum(pair), pair[0]))


def test_the_low_sequencies_are_those_of_walsh_blocks() -> None:
    wanted = walsh_rows(20, 8) * 8
    np.testing.assert_allclose(dense(Hadamard((8, 8), m=20)), wanted, atol=1e-6)


def test_the_flattened_frame_has_sequencies_of_its_own() -> None:
    flat = patterns("sequency", "1d").reshape(32, 32)
    assert [np.count_nonzero(np.diff(row)) for row in flat] == list(range(32))
    np.testing.assert_array_equal(patterns("natural", "1d"), patterns("natural"))


def test_dyadic_patterns_are_products_of_rademacher_functions() -> None:
    flat = patterns("dyadic", "1d").reshape(32, 32)
    pixel = np.arange(32)
    for p, row in enumerate(flat):
        wanted = np.ones(32)
        for bit in range(5):
            if p >> bit & 1:  # the function of 2^bit periods
                wanted *= np.where(pixel // (32 // 2 ** (bit + 1)) % 2, -1, 1)
        np.testing.assert_array_equal(row, wanted)
    down, across = (patterns("dyadic", "1d", (1, n)).reshape(n, n) for n in (8, 4))
    outer = np.einsum("ir,jc->ijrc", down, across).reshape(32, 8, 4)
    np.testing.assert_array_equal(patterns("dyadic"), outer)


def test_cake_cutting_counts_connected_regions() -> None:
    counts = [regions(p) for p in patterns("cake-cutting")]
    assert counts == sorted(counts)
    natural_counts = [regions(p) for p in patterns("natural")]
    wanted = np.argsort(natural_counts, kind="stable")
    np.testing.assert_array_equal(order_of("cake-cutting", (8, 4)), wanted)


def test_the_readings_of_a_projector_follow_its_rule() -> None:
    """y[i, j] of a horizontal sequency i and a vertical one j, i the slower."""
    walsh = patterns("sequency", "1d", (1, 8)).reshape(8, 8)
    x = RANDOM.random((1, 1, 8, 8))
    wanted = np.einsum("rc,ic,jr->ij", x[0, 0], walsh, walsh)
    y = Hadamard((8, 8), "sequency-columns").forward(x)
    np.testing.assert_allclose(y.reshape(8, 8), wanted, atol=1e-5)


@pytest.mark.parametrize("order", ["natural", "sequency"])
def test_ones_and_zeros_stand_in_the_same_places(order: str) -> None:
    operator = Hadamard((8, 4), order, 11, values="01")
    rows = (1 + dense(Hadamard((8, 4), order, 11))) / 2
    np.testing.assert_array_equal(dense(operator), rows)
    as_matrix(operator, RANDOM.random((2, 1, 8, 4)), rows)
    check_adjoint(operator)


def test_fewer_patterns_are_the_first_ones_and_an_order_may_come_from_a_file(tmp_path) -> None:
    order = RANDOM.permutation(32)
    np.savez(tmp_path / "order.npz", order=order.reshape(8, 4))
    operator = parse_operator(f"hadamard:order={tmp_path}/order.npz#order,m=7", (8, 4))
    np.testing.assert_array_equal(dense(operator), natural(32)[order[:7]])
    np.save(tmp_path / "rows.npy", np.array([3, 0, 2]))
    picked = parse_operator(f"hadamard:order=sequency,rows={tmp_path}/rows.npy,frame=8x4")
    np.testing.assert_array_equal(dense(picked), dense(Hadamard((8, 4)))[[3, 0, 2]])


def test_the_text_says_layout_and_values_too() -> None:
    operator = parse_operator("hadamard:order=dyadic,layout=1d,values=01,m=5", (4, 8))
    wanted = (1 + patterns("dyadic", "1d", (4, 8))[:5].reshape(5, 32)) / 2
    np.testing.assert_array_equal(dense(operator), wanted)
    assert "5 of frame 4x8" in repr(operator)


def test_operators_are_told_apart_by_their_digest() -> None:
    texts = ("order=natural", "order=sequency", "order=natural,m=31", "order=natural,values=01")
    found = {parse_operator(f"hadamard:{text}", (8, 4)).digest for text in texts}
    assert len(found) == 4
    again = parse_operator("hadamard:order=natural", (8, 4)).digest
    assert again in found


def test_a_frame_of_128_by_128_takes_2_ms() -> None:
    x = RANDOM.random((1, 1, 128, 128), dtype=np.float32)
    operator = Hadamard((128, 128))
    times = []
    for _ in range(30):
        begin = time.perf_counter()
        operator.forward(x)
        times.append(time.perf_counter() - begin)
    assert min(times) < 2e-3


BAD = {
    "a side that is no power": ("hadamard:m=3", (6, 8), "powers of 2"),
    "no frame": ("hadamard:m=3", None, "--frame"),
    "two frames": ("hadamard:frame=8x8", (4, 8), "frame 8x8"),
    "an unknown order": ("hadamard:order=zigzag", (8, 8), "sequency-rows"),
    "an order of the other layout": ("hadamard:order=cake-cutting,layout=1d", (8, 8), "layout 1d"),
    "another layout": ("hadamard:layout=3d", (8, 8), "layout=3d"),
    "too many": ("hadamard:m=65", (8, 8), "m from 1 to 64"),
    "none": ("hadamard:m=0", (8, 8), "at least 1"),
    "an unknown key": ("hadamard:m=3,size=8", (8, 8), "size"),
    "a key twice": ("hadamard:m=3,m=4", (8, 8), "once"),
    "a missing file": ("hadamard:order=none.npy", (8, 8), "none.npy"),
    "other values": ("hadamard:values=10", (8, 8), "values=10"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_hadamard_operator_is_refused_in_one_line(case: str) -> None:
    text, frame, named = BAD[case]
    with pytest.raises(UsageError) as refused:
        parse_operator(text, frame)
    assert named in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("order", "named"),
    [
        (np.array([0, 1, 1]), "1 repeated"),
        (np.array([0, 64]), "0 to 63"),
        (np.array([-1, 2]), "0 to 63"),
        (np.array([0.5, 1]), "float64"),
        (np.array([], dtype=int), "at least one"),
    ],
)
def test_an_order_is_numbers_of_patterns_each_once(order: np.ndarray, named: str) -> None:
    with pytest.raises(UsageError, match=named):
        Hadamard((8, 8), order)
