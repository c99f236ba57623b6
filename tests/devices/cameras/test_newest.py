"""The newest item wins, and what is dropped is counted."""

import threading

import pytest

from bitprior_devices.cameras.newest import Newest


def test_a_slow_consumer_gets_the_newest_and_drops_are_counted():
    taken, produced = threading.Event(), threading.Event()

    def items():
        yield 0
        assert taken.wait(5)
        yield from range(1, 100)
        produced.set()

    newest = Newest(items())
    assert newest.take(5) == 0
    taken.set()
    assert produced.wait(5)
    newest.join()
    assert newest.take(5) == 99
    assert newest.dropped == 98
    assert newest.take(5) is None


def test_taken_and_dropped_are_all_there_were_and_in_order():
    newest = Newest(iter(range(5000)))
    found = list(newest)
    assert len(found) + newest.dropped == 5000
    assert found == sorted(set(found))
    assert found[-1] == 4999


def test_a_wait_without_an_item_ends():
    end = threading.Event()

    def items():
        end.wait(5)
        yield from ()

    newest = Newest(items())
    assert newest.take(0.01) is None
    end.set()


def test_an_error_reaches_whoever_takes_after_the_last_item():
    def items():
        yield 1
        raise ValueError("broken")

    newest = Newest(items())
    newest.join()
    assert newest.take(5) == 1
    with pytest.raises(ValueError, match="broken"):
        newest.take(5)
