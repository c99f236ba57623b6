"""Ctrl-C and SIGTERM as the usual way to end: what runs is finished, and the figures are shown."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """Set the event at the first signal, and raise KeyboardInterrupt to end a wait.

    The block ends without an error then. A second signal is as always. Outside the main thread
    signals stay as they are.
    """
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop.set()
        for number, handler in before.items():
            signal.signal(number, handler)
        raise KeyboardInterrupt

    for number in SIGNALS:
        signal.signal(number, handle)
    try:
        yield stop
    except KeyboardInterrupt:
        if not stop.is_set():
            raise
    finally:
        stop.set()
        for number, handler in before.items():
            signal.signal(number, handler)
