"""The board's end of a conversation without ssh: in this process, or in one of its own."""

import contextlib
import hashlib
import io
import os
import random
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bitprior_devices.remote import replay
from bitprior_devices.remote.child import Ended, run_child
from bitprior_devices.remote.main import answer
from bitprior_devices.remote.wire import ConnectionLostError, Wire
from bitprior_devices.ssh.connection import Conversation
from bitprior_export.bundle.writer import write_bundle
from builders.bundles import tiny_bundle


@contextmanager
def converse_here(destination, verb, arguments, on_step):
    """Stand in for ``converse``: the board's program runs in a thread of this process."""
    to_board, from_host = os.pipe()
    to_host, from_board = os.pipe()
    board = Wire(os.fdopen(to_board, "rb"), os.fdopen(from_board, "wb"))
    host = Wire(os.fdopen(to_host, "rb"), os.fdopen(from_host, "wb"))

    def run():
        try:
            answer({"verb": verb, "arguments": arguments}, board)
        except ConnectionLostError:
            pass
        finally:
            board.writer.close()
            board.reader.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield Conversation(host, on_step)
    finally:
        host.writer.close()
        thread.join()
        host.reader.close()


def run_child_here(command, site, *options):
    """Stand in for ``run_child``: a replay by this Python needs no process of its own."""
    if command[:3] != [sys.executable, "-m", replay.__name__] or site is not None:
        return run_child(command, site, *options)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = replay.main(command[3])
    return Ended(status, out.getvalue(), err.getvalue())


@dataclass(frozen=True)
class LocalBoard:
    """A destination whose program runs on this machine, in a process of its own.

    Attributes:
        home: Home of its user.
        before: Words before the shell, e.g. a program that changes how it runs.
    """

    home: Path
    before: tuple[str, ...] = ()
    name: str = "here"

    def command(self, *options):
        """Return what runs the command that ssh would."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # its python3 has our packages
        return ["env", f"HOME={self.home}", f"PATH={path}", *self.before, "sh", "-c"]


def write_tiny(path, seed=0):
    """Write a tiny bundle and return its path."""
    write_bundle(path, tiny_bundle(seed=seed))
    return path


def write_large(path, seed, size=1_000_000):
    """Write a tiny bundle and a companion of ``size`` bytes beside it; return the bundle's path."""
    data = random.Random(seed).randbytes(size)
    bundle = tiny_bundle(seed=seed)
    companions = {"gradient.onnx": hashlib.sha256(data).hexdigest()}
    write_bundle(path, replace(bundle, manifest=replace(bundle.manifest, companions=companions)))
    folder = path.with_name(f"{path.stem}-onnx")
    folder.mkdir()
    (folder / "gradient.onnx").write_bytes(data)
    return path
