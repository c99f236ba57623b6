"""kill -9 at random moments, at every step and at every change of the file system.

Whatever is killed, what is in use is a whole release that replays, and the next deploy works.
"""

import json
import random
import time
from itertools import cycle

import pytest

from bitprior_devices.deploying import deploy, pack
from bitprior_devices.remote.deploy import STEPS
from bitprior_devices.remote.layout import Layout
from bitprior_devices.ssh import connection, parse_destination
from builders.board_end import LocalBoard, write_large
from builders.victims import (
    FULL,
    KILLS,
    Victim,
    assert_whole,
    deploy_again,
    killed_after,
    killed_at,
)


@pytest.fixture
def parcels(tmp_path):
    """Three parcels that take turns: two stay on the board, so that each is sent anew."""
    return [pack(write_large(tmp_path / f"m{seed}.bitprior", seed), []) for seed in range(3)]


@pytest.fixture
def local(tmp_path):
    """A board whose program is a process of this machine."""
    return LocalBoard(tmp_path)


def survive(kills, layout, destination, parcels, wanted):
    """Let ``kills`` end deploys until as many as are wanted have; return how many did."""
    deploy(parcels[0], destination, lambda name: None, root=str(layout.root))
    ended = turn = 0
    for turn, kill in enumerate(kills, start=1):
        parcel = parcels[turn % 3]
        ended += not kill(parcel, destination, layout.root)
        assert_whole(layout, parcels)
        if FULL or turn % 4 == 0:  # else the next deploy is killed too
            done = deploy_again(parcel, destination, layout.root)
            assert_whole(layout, [parcel])
            assert {done.release} < {entry.name for entry in layout.releases.iterdir()}
            assert not list(layout.incoming.iterdir())
        if ended == wanted:
            break
    print(f"{ended} of {turn} kills ended a deploy")  # shown with pytest -rP
    return ended


def at_random(kills, seconds, wanted, seed):
    """Yield the kills in turn, each at a random moment of a deploy; some will come too late.

    How long a deploy takes changes with what else the machine does: a kill that came too late
    makes the next ones come sooner.
    """
    dice = random.Random(seed)
    for _, kill in zip(range(5 * wanted), cycle(kills), strict=False):

        def kill_once(*where, kill=kill):
            nonlocal seconds
            finished = killed_after(dice.uniform(0, seconds), kill, *where)
            seconds *= 0.8 if finished else 1.1
            return finished

        yield kill_once


def duration(layout, destination, parcels):
    """Return how long a deploy takes, s."""
    begin = time.perf_counter()
    deploy(parcels[1], destination, lambda name: None, root=str(layout.root))
    return time.perf_counter() - begin


def test_a_deploy_killed_at_random_moments_on_the_board(monkeypatch, layout, local, parcels):
    seconds = duration(layout, local, parcels)
    victim = Victim(monkeypatch)
    wanted = KILLS // 2
    kills = at_random([victim.kill_client], seconds, wanted, seed=1)
    assert survive(kills, layout, local, parcels, wanted) == wanted


def test_a_deploy_over_ssh_killed_at_random_moments_on_either_side(
    monkeypatch, tmp_path, board, parcels
):
    layout, destination = Layout(tmp_path / "root"), parse_destination("board", board.config)
    seconds = duration(layout, destination, parcels)
    victim = Victim(monkeypatch)
    wanted = KILLS // 2
    kills = at_random([victim.kill_client, victim.kill_board], seconds, wanted, seed=2)
    assert survive(kills, layout, destination, parcels, wanted) == wanted


def test_a_deploy_killed_as_each_step_begins(monkeypatch, layout, local, parcels):
    victim = Victim(monkeypatch)

    def at(step):
        return lambda *where: killed_at(step, victim.kill_board, *where)

    # A kill in the last step may come too late to be seen: the result is on its way.
    ended = survive(map(at, STEPS), layout, local, parcels, len(STEPS))
    assert ended >= len(STEPS) - 2


# Makes the board's program kill itself as it is about to make a change, the n-th of its kind.
_SELF_KILL = """
import os as _os, signal as _signal, sys as _sys
_left = [{n}]
def _audit(event, arguments):
    if event in {events!r}:
        if event == "open" and not set("wax+") & set(arguments[1] or ""):
            return
        _left[0] -= 1
        if _left[0] == 0:
            _os.kill(_os.getpid(), _signal.SIGKILL)
_sys.addaudithook(_audit)
"""
_LINKS = ("os.rename", "os.symlink")
_ALL = (*_LINKS, "os.mkdir", "os.remove", "os.rmdir", "os.truncate", "open")


def test_a_deploy_that_dies_before_each_change_it_makes_on_the_disk(
    monkeypatch, layout, local, parcels
):
    plain = connection.payload
    deploy(parcels[0], local, lambda name: None, root=str(layout.root))
    for n in range(1, 200):
        parcel = parcels[n % 3]
        code = _SELF_KILL.format(n=n, events=_ALL if FULL else _LINKS)

        def deadly(request, code=code):
            fields = json.loads(plain(request))
            return json.dumps({**fields, "start": code + fields["start"]}).encode() + b"\n"

        monkeypatch.setattr(connection, "payload", deadly)
        finished = killed_at(None, None, parcel, local, layout.root)
        monkeypatch.setattr(connection, "payload", plain)
        assert_whole(layout, parcels)
        if finished:
            break
        # Without this the next deploy finds what this one had sent, and makes fewer changes.
        deploy_again(parcel, local, layout.root)
        assert_whole(layout, [parcel])
    # bundle, manifest, release, previous (link, name), current (link, name), what is dropped
    print(f"died before each of {n - 1} changes")
    assert n > (20 if FULL else 8)
