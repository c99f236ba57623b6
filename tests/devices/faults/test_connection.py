"""A connection that is cut, a board that is not there, and one that is another."""

import random
import sys

import pytest

from bitprior_devices.deploying import deploy, pack
from bitprior_devices.errors import DeviceUnreachableError
from bitprior_devices.remote.layout import Layout
from bitprior_devices.remote.release import linked
from bitprior_devices.ssh import parse_destination
from bitprior_devices.ssh.program import payload
from bitprior_runtime.cli.main import run
from builders.board_end import write_large
from builders.loopback import free_port
from builders.victims import KILLS, assert_whole, deploy_again

CUTS = 10 if KILLS >= 200 else 3
# A relay that ends after so many bytes from this side.
_RELAY = """
import select, socket, sys
left = int(sys.argv[2])
link = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
while left > 0:
    ready, _, _ = select.select([0, link], [], [])
    if link in ready:
        data = link.recv(65536)
        if not data:
            break
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    if 0 in ready:
        data = sys.stdin.buffer.raw.read(min(65536, left))
        if not data:
            break
        left -= len(data)
        link.sendall(data)
"""


@pytest.fixture
def cut_config(board, tmp_path):
    """Return an ssh configuration whose connection is cut after ``count`` bytes."""
    relay = tmp_path / "relay.py"
    relay.write_text(_RELAY)
    text = board.config.read_text()
    port = next(line.split()[1] for line in text.splitlines() if line.split()[:1] == ["Port"])

    def write(count):
        config = tmp_path / f"config-{count}"
        config.write_text(f"{text}  ProxyCommand {sys.executable} {relay} {port} {count}\n")
        return config

    return write


def test_a_deploy_cut_after_any_number_of_bytes_goes_on_where_it_stopped(
    board, cut_config, tmp_path, bundle_path
):
    layout, whole = Layout(tmp_path / "root"), parse_destination("board", board.config)
    parcels = [pack(bundle_path, [])]
    deploy(parcels[0], whole, lambda name: None, root=str(layout.root))
    dice, resumed = random.Random(3), 0
    for turn in range(CUTS):
        parcels.append(pack(write_large(tmp_path / f"m{turn}.bitprior", turn), []))
        size = sum(file.size for file in parcels[-1].files)
        count = dice.randrange(1, len(payload({})) + size)
        destination = parse_destination("board", cut_config(count))
        with pytest.raises(DeviceUnreachableError) as caught:
            deploy(parcels[-1], destination, lambda name: None, root=str(layout.root))
        assert caught.value.exit_code == 4
        assert_whole(layout, parcels[:-1])
        done = deploy_again(parcels[-1], whole, layout.root)
        assert linked(layout.current).name == done.release
        assert done.sent <= size
        resumed += done.sent < size
    # Most bytes are the companion's, so most cuts fall there, and what had come by then was kept.
    assert resumed >= CUTS // 2


def test_a_changed_host_key_is_refused_loudly_and_nothing_is_sent(
    board, tmp_path, bundle_path, capsys
):
    other = board.host_key.with_name("user.pub").read_text()
    board.known_hosts.write_text(f"board {other}")
    root = tmp_path / "root"
    flags = [*board.flags, "--root", str(root)]
    assert run(["deploy", str(bundle_path), "board", *flags]) == 4
    error = capsys.readouterr().err
    assert "someone may be in between" in error
    assert "ssh-keygen -R board" in error
    assert not root.exists()


def test_a_first_contact_shows_the_fingerprint_and_stops_until_it_is_accepted(
    board, tmp_path, bundle_path, capsys
):
    board.known_hosts.unlink()
    root = tmp_path / "root"
    deploy_it = ["deploy", str(bundle_path), "board", *board.flags, "--root", str(root)]
    assert run(deploy_it) == 4
    assert f"--accept {board.fingerprint}" in capsys.readouterr().err
    assert not root.exists()
    assert not board.known_hosts.exists()
    wrong = "SHA256:" + "A" * 43
    assert run([*deploy_it, "--accept", wrong]) == 4
    assert "another machine" in capsys.readouterr().err
    assert not board.known_hosts.exists()
    assert run([*deploy_it, "--accept", board.fingerprint]) == 0
    assert run([*deploy_it, "--accept", board.fingerprint]) == 0
    assert len(board.known_hosts.read_text().splitlines()) == 1


def test_a_board_that_is_not_there_is_unreachable(tmp_path, bundle_path, capsys):
    config = tmp_path / "config"
    config.write_text(f"Host gone\n  HostName 127.0.0.1\n  Port {free_port()}\n")
    flags = ["--ssh-config", str(config)]
    assert run(["deploy", str(bundle_path), "gone", *flags]) == 4
    assert "Connection refused" in capsys.readouterr().err
    accept = ["--accept", "SHA256:x"]
    assert run(["deploy", str(bundle_path), "gone", *flags, *accept]) == 4
    assert run(["deploy", str(bundle_path), "gone", "--ssh-config", str(tmp_path / "none")]) == 2
