"""A stdout that is full, closed, or that nobody reads: one line on stderr and a status."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

VERB = [sys.executable, "-m", "bitprior_runtime", "info", "mnist-1bit-m25"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_full_stdout_is_one_line(flags):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*VERB, *flags], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    assert b"No space left on device" in done.stderr


def test_a_reader_that_left_is_one_line():
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(VERB, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    assert b"Broken pipe" in done.stderr


def test_a_closed_stdout_is_one_line():
    shell = ["sh", "-c", 'exec "$@" >&-', "sh", *VERB]
    done = subprocess.run(shell, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    assert b"closed" in done.stderr
