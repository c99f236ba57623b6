"""Two deploys at once: one wins, the other says who holds the lock."""

import threading

from bitprior_devices.deploying import deploy, pack
from bitprior_devices.errors import DeviceRefusedError
from bitprior_devices.remote.layout import Layout, make_folders
from bitprior_devices.remote.lock import locked
from bitprior_devices.remote.release import linked, verify_release
from bitprior_runtime.cli.main import run
from builders.board_end import LocalBoard


def test_of_two_deploys_at_once_one_wins_and_the_other_names_it(tmp_path, layout, two_bundles):
    board, ends = LocalBoard(tmp_path), {}
    second_may_begin = threading.Event()

    def first():
        def on_step(name):
            if name == "wheels":  # it holds the lock
                second_may_begin.set()

        ends[0] = deploy(pack(two_bundles[0], []), board, on_step, root=str(layout.root))

    def second():
        second_may_begin.wait(30)
        try:
            deploy(pack(two_bundles[1], []), board, lambda name: None, root=str(layout.root))
        except DeviceRefusedError as error:
            ends[1] = error

    threads = [threading.Thread(target=target) for target in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "one by " in ends[1].found
    assert "(process " in ends[1].found
    assert verify_release(layout, linked(layout.current)).digest == ends[0].release


def test_a_locked_board_is_exit_status_5_on_the_command_line(tmp_path, board, bundle_path, capsys):
    root = tmp_path / "root"
    layout = Layout(root)
    make_folders(layout)
    with locked(layout, "alice@laptop"):
        flags = [*board.flags, "--root", str(root)]
        assert run(["deploy", str(bundle_path), "board", *flags]) == 5
    assert "alice@laptop" in capsys.readouterr().err
