"""Deploys that are killed, and what must hold afterwards."""

import contextlib
import os
import signal
import subprocess
import threading
import time

from bitprior_devices.deploying import deploy
from bitprior_devices.errors import DeviceRefusedError, DeviceUnreachableError
from bitprior_devices.remote.release import linked, verify_release
from bitprior_devices.remote.wire import Wire
from bitprior_runtime import load

# Kills at random moments: a few in every run of the tests, 200 in make test-deploy-faults.
KILLS = int(os.environ.get("BITPRIOR_KILLS", "6"))
FULL = KILLS >= 200


class Victim:
    """Knows the processes of the deploy that is running, to kill them.

    Args:
        monkeypatch: Undoes what is patched here.
    """

    def __init__(self, monkeypatch):
        self.client = self.board = None
        popen, receive = subprocess.Popen, Wire.receive

        def start(*args, **options):
            self.client = process = popen(*args, **options)
            return process

        def listen(wire):
            message = receive(wire)
            self.board = message.get("process", self.board)
            return message

        monkeypatch.setattr("bitprior_devices.ssh.connection.subprocess.Popen", start)
        monkeypatch.setattr(Wire, "receive", listen)

    def kill_client(self):
        """Kill -9 ssh, as when this machine dies."""
        if self.client is not None and self.client.returncode is None:
            self.client.send_signal(signal.SIGKILL)

    def kill_board(self):
        """Kill -9 the program on the board, as when the board dies."""
        if self.board is not None:
            with contextlib.suppress(ProcessLookupError):  # it may just have ended
                os.kill(self.board, signal.SIGKILL)


def killed_after(seconds, kill, parcel, destination, root):
    """Deploy and kill it after some seconds; return whether it had finished by then."""
    timer = threading.Timer(seconds, kill)
    timer.start()
    try:
        return attempt(parcel, destination, root, lambda name: None)
    finally:
        timer.cancel()
        timer.join()


def killed_at(step, kill, parcel, destination, root):
    """Deploy and kill it as it begins a step; return whether it finished all the same."""
    return attempt(parcel, destination, root, lambda name: kill() if name == step else None)


def attempt(parcel, destination, root, on_step):
    """Deploy; return whether that worked. Any end but a lost connection is an error."""
    try:
        deploy(parcel, destination, on_step, root=str(root))
    except DeviceUnreachableError:
        return False
    return True


def deploy_again(parcel, destination, root):
    """Deploy; a program that has lost its client may need a moment to see that and let go."""
    for _ in range(100):
        try:
            return deploy(parcel, destination, lambda name: None, root=str(root))
        except DeviceRefusedError as error:
            if "no other deploy" not in error.expected:
                raise
            time.sleep(0.1)
    raise AssertionError("the board stays locked")


def assert_whole(layout, parcels):
    """Check that what is in use is one of these, complete, hash-valid, and replays."""
    folder = linked(layout.current)
    assert folder is not None
    release = verify_release(layout, folder)
    assert set(release.files) in [set(parcel.files) for parcel in parcels]
    assert all(check.passed for check in load(folder / "model.bitprior").verify())
