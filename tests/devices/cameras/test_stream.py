"""The stream format, and what hostile writers make of it."""

import json
import os
import re
import struct
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from bitprior_devices.cameras import stream
from bitprior_devices.cameras.stream import (
    Header,
    Record,
    StreamError,
    StreamReader,
    clock_name,
    encode_header,
    encode_record,
)


@contextmanager
def piped(data, step=None):
    """Give a descriptor to read ``data`` from, written ``step`` bytes at a time."""
    read, write = os.pipe()

    def feed():
        with os.fdopen(write, "wb", buffering=0) as file:
            for start in range(0, len(data), step or max(len(data), 1)):
                file.write(data[start : start + (step or len(data))])

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        yield read
    finally:
        thread.join()
        os.close(read)


def records(count=3, m=5):
    rng = np.random.default_rng(0)
    return [
        Record(2 * index, 0.5 * index, rng.standard_normal(m).astype(np.float32))
        for index in range(count)
    ]


def encoded(found, **header):
    head = Header(**{"m": 5, "live": False, "clock": "c", **header})
    return encode_header(head) + b"".join(encode_record(record) for record in found)


def read(data, step=None):
    with piped(data, step) as descriptor:
        reader = StreamReader(descriptor)
        return reader.header, list(reader)


@pytest.mark.parametrize("step", [None, 1, 7, 37])
def test_a_stream_comes_back_however_it_is_cut_into_pieces(step):
    written = records()
    header, found = read(encoded(written, live=True), step)
    assert header == Header(5, True, "c")
    assert [(record.index, record.captured) for record in found] == [(0, 0), (2, 0.5), (4, 1.0)]
    for record, original in zip(found, written, strict=True):
        assert np.array_equal(record.measurement, original.measurement)


def test_records_larger_than_a_read_are_put_together():
    written = records(count=4, m=3000)
    _, found = read(encoded(written, m=3000), step=5000)
    assert [record.index for record in found] == [0, 2, 4, 6]
    assert np.array_equal(found[3].measurement, written[3].measurement)


def test_the_format_is_what_the_documentation_says():
    line = b'{"bitprior_stream": 1, "m": 2, "live": false, "clock": ""}\n'
    values = struct.pack("<Qdff", 7, 1.25, 0.5, -3.0)
    header, (record,) = read(line + values)
    assert header == Header(2, False, "")
    assert (record.index, record.captured) == (7, 1.25)
    assert record.measurement.tolist() == [0.5, -3.0]
    assert encode_header(header) + encode_record(record) == line + values


def test_an_empty_stream_is_a_header_alone():
    assert read(encoded([])) == (Header(5, False, "c"), [])


GOOD = {"bitprior_stream": 1, "m": 5, "live": True, "clock": ""}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"", "nothing"),
        (b"no newline", "no newline"),
        (b"\n", "found ;"),
        (b"x" * 5000 + b"\n", "at most 4096 bytes"),
        (b"\x00\xff\xfe\n", "bitprior_stream"),
        (b"[1]\n", "bitprior_stream"),
        (b"[" * 4000 + b"\n", "bitprior_stream"),
        (json.dumps({**GOOD, "bitprior_stream": 2}).encode() + b"\n", "version 1"),
        (json.dumps({**GOOD, "more": 1}).encode() + b"\n", "bitprior_stream"),
        (json.dumps({**GOOD, "m": 0}).encode() + b"\n", "m from 1 to"),
        (json.dumps({**GOOD, "m": 2**40}).encode() + b"\n", "m from 1 to"),
        (json.dumps({**GOOD, "m": True}).encode() + b"\n", "m from 1 to"),
        (json.dumps({**GOOD, "m": "5"}).encode() + b"\n", "m from 1 to"),
        (json.dumps({**GOOD, "live": 1}).encode() + b"\n", "m from 1 to"),
        (json.dumps({**GOOD, "clock": None}).encode() + b"\n", "m from 1 to"),
        (b'{"bitprior_stream": 1, "m": 5, "m": 6, "live": true, "clock": ""}\n', "stream"),
        (b"\x93NUMPY\x01\x00v\x00{'descr': '<f4'}\n", "NUMPY"),
    ],
)
def test_a_first_line_that_is_no_header_is_refused(line, message):
    with pytest.raises(StreamError, match=message):
        read(line)


@pytest.mark.parametrize("cut", [1, 15, 16, 35])
def test_a_stream_that_is_cut_short_gives_what_was_whole_and_an_error(cut):
    data = encoded(records(2))
    with piped(data[:-cut]) as descriptor:
        found = iter(StreamReader(descriptor))
        assert next(found).index == 0
        with pytest.raises(StreamError, match=f"{36 - cut} bytes at its end"):
            next(found)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused(value):
    bad = Record(1, 0.0, np.array([0, 0, value, 0, 0], np.float32))
    with pytest.raises(StreamError, match="NaN or Inf in record 1"):
        read(encoded([bad]))
    with pytest.raises(StreamError, match="NaN or Inf in record 1"):
        read(encoded([Record(1, value, np.zeros(5, np.float32))]))


def test_an_index_that_does_not_grow_is_refused():
    one = records(1)[0]
    with pytest.raises(StreamError, match="0 behind 0"):
        read(encoded([one, one]))


def test_random_changes_never_raise_anything_else():
    rng = np.random.default_rng(0)
    whole = np.frombuffer(encoded(records()), np.uint8)
    for _ in range(100):
        changed = whole.copy()
        changed[rng.integers(len(whole), size=3)] = rng.integers(256, size=3)
        try:
            header, found = read(changed.tobytes())
        except StreamError:
            continue
        assert all(record.measurement.shape == (header.m,) for record in found)


def test_the_clock_is_that_of_this_boot(monkeypatch):
    assert clock_name() == clock_name() != ""

    class Missing:
        def __init__(self, _):
            pass

        def read_text(self):
            raise FileNotFoundError

    monkeypatch.setattr(stream, "Path", Missing)
    assert clock_name() == ""


def test_the_writer_in_the_documentation_writes_a_stream():
    text = (Path(__file__).parents[3] / "docs/live.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    values = np.random.default_rng(0).standard_normal((3, 100)).astype(np.float32)
    start = "import numpy as np; measurements = "
    start += f"np.random.default_rng(0).standard_normal((3, 100)).astype(np.float32)\n{code}"
    done = subprocess.run([sys.executable, "-c", start], capture_output=True, check=True)
    header, found = read(done.stdout)
    assert header == Header(100, True, "")
    assert np.array_equal([record.measurement for record in found], values)
