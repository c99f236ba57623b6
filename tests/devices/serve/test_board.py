"""The board: everybody reads the newest, and it is encoded once."""

import threading
import time

from bitprior_devices.serve.board import Board, Seen


class Encoding:
    """Counts how often it is encoded."""

    def __init__(self):
        self.times = 0
        self._encoded = None

    @property
    def encoded(self):
        if self._encoded is None:
            self.times += 1
            time.sleep(0.01)
            self._encoded = b"{}"
        return self._encoded


def test_many_readers_get_one_encoding():
    board, snapshot, found = Board({"message": ""}), Encoding(), []
    threads = [
        threading.Thread(target=lambda: found.append(board.wait(Seen(0, 1), 10))) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    board.publish(snapshot)
    for thread in threads:
        thread.join()
    assert found == [(Seen(1, 1), [("frame", b"{}")])] * 20
    assert snapshot.times == 1


def test_a_snapshot_nobody_reads_is_not_encoded():
    board, first, second = Board({}), Encoding(), Encoding()
    board.publish(first)
    board.publish(second)
    seen, events = board.wait(Seen(), 0)
    assert [name for name, _ in events] == ["state", "frame"]
    assert (first.times, second.times) == (0, 1)
    assert board.wait(seen, 0) == (seen, [])


def test_a_change_of_state_keeps_the_other_fields():
    board = Board({"message": "", "selected": 0})
    board.update(message="Waiting")
    assert board.wait(Seen(), 0) == (
        Seen(0, 2), [("state", b'{"message": "Waiting", "selected": 0}')],
    )  # fmt: skip


def test_closing_lets_readers_go():
    board = Board({})
    seen, _ = board.wait(Seen(), 0)
    threading.Timer(0.02, board.close).start()
    begin = time.monotonic()
    assert board.wait(seen, 20) == (seen, [])
    assert time.monotonic() - begin < 10
