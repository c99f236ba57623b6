"""Strange .npy bodies sent to the live page: each is answered in one line, and it lives on."""

import io
import random
import struct

import numpy as np
import pytest

from attacks.fuzz.arrays import HEADERS, forged, npy, strange_values
from bitprior_export.bundle.writer import write_bundle
from builders.bundles import tiny_bundle
from builders.live_page import live_page
from builders.videos import write_video

M = 3  # of the tiny bundle
BODY = b"\0" * 4 * M
SHAPES = ((1,) * 70, (1,) * 33, (-1, -M), (True, M), (0, 10**20), (10**30, 0), (2**62, 4), (M, -1),
          (2**64,), (1.5, 2), ("3",), (None,), (0, M), (17, M), (1, 1, M), ())  # fmt: skip


def headed(shape: object, dtype: str = "<f4", body: bytes = BODY) -> bytes:
    text = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape!r}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + body


def saved(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    write_bundle(folder / "tiny.bitprior", tiny_bundle())
    film = write_video(folder / "film.avi", count=3, rate=100)
    with live_page(folder / "tiny.bitprior", camera=str(film)) as served:
        yield served


def refused(page, body: bytes, statuses=(400, 413)) -> str:
    answer = page.ask("/recover", "POST", body)
    line = answer.body.decode()
    assert answer.status in statuses, (answer.status, line)
    assert line.endswith("\n"), line
    assert line[:-1].isprintable(), line
    return line


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: repr(shape)[:24])
def test_a_body_of_a_strange_shape_is_answered_with_one_line(page, shape):
    assert "expected" in refused(page, headed(shape))


@pytest.mark.parametrize("header", HEADERS, ids=lambda header: repr(header)[:24])
def test_a_body_whose_header_is_none_is_answered_with_one_line(page, header):
    text = header.encode("utf-8", "surrogatepass")[:900]
    refused(page, b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + BODY)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_answered_with_one_line(page, value):
    assert "NaN or Inf" in refused(page, saved(np.full((1, M), value, np.float32)))


def test_measurements_too_large_to_work_with_are_answered_with_one_line(page, capfd):
    assert "finite" in refused(page, saved(np.full((1, M), 3e38, np.float32)))
    assert capfd.readouterr().err == ""


def test_mutated_bodies_are_answered_and_the_page_lives_on(page):
    y = saved(np.zeros((1, M), np.float32))
    answered = []
    for number in range(60):
        rng = random.Random(number)
        body = forged(rng, BODY) if number % 2 else npy(strange_values(rng, (1, M)), rng)
        answered.append(page.ask("/recover", "POST", body[:900]).status)
    assert set(answered) <= {200, 400, 413}, answered
    assert answered.count(200) < len(answered)
    assert page.ask("/recover", "POST", y).status == 200
