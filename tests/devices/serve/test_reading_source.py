"""Where readings come from."""

import os
import pty
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from bitprior_devices.serve.reading_source import open_readings
from bitprior_runtime.camera.camera_file import Camera
from bitprior_runtime.errors import MissingFileError, UsageError

CAMERA = Camera("hadamard:order=sequency,m=4", (2, 2))


def opened(text, pace=None, baud=115200, camera=CAMERA):
    return open_readings(str(text), camera, (4, 8), baud, pace)


def taken(source, count):
    """Take so many readings, then tell the source to stop."""
    stop, found = threading.Event(), []
    for values in source.parts(stop):
        found += values
        if len(found) >= count:
            stop.set()
    return found


def test_a_serial_device_gives_bytes_as_they_are():
    ours, theirs = pty.openpty()
    source = opened(os.ttyname(theirs))
    os.write(ours, b"1.5\r\n2\x04\n3\n")  # raw: the terminal's signs mean nothing
    found = taken(source, 3)
    np.testing.assert_array_equal(found, [1.5, np.nan, 3])
    assert source.lines.unreadable == 1
    os.close(ours)
    os.close(theirs)


def test_a_serial_device_that_is_unplugged_is_an_end():
    ours, theirs = pty.openpty()
    source = opened(os.ttyname(theirs))
    os.close(theirs)
    os.close(ours)
    assert list(source.parts(threading.Event())) == [[]]


def test_a_pipe_may_be_opened_before_its_writer_and_outlives_it(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    source = opened(pipe)

    def write():
        for line in ("1\n2\n", "3\n"):
            with pipe.open("w") as file:
                file.write(line)

    writer = threading.Thread(target=write)
    writer.start()
    assert taken(source, 3) == [1, 2, 3]
    writer.join()


def test_standard_input_ends_when_its_writer_does():
    program = (
        "import threading\n"
        "from bitprior_devices.serve.reading_source import open_readings\n"
        "from bitprior_runtime.camera.camera_file import Camera\n"
        "source = open_readings('-', Camera('', (2, 2)), (4, 8), 9600, None)\n"
        "print([x for part in source.parts(threading.Event()) for x in part])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input="1\n2 3\n4", capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "[1.0, 2.0, 3.0, 4.0]"


def test_a_recording_is_read_as_recover_reads_it(tmp_path):
    np.savez(tmp_path / "r.npz", other=np.zeros(3), light=[[1, 2], [3, 4]])
    camera = Camera(CAMERA.operator, (2, 2), key="light", row=1)
    source = opened(tmp_path / "r.npz", camera=camera)
    assert [list(part) for part in source.parts(threading.Event())] == [[3, 4]]


def test_a_recording_can_come_as_slowly_as_it_was_measured(tmp_path):
    np.save(tmp_path / "r.npy", np.arange(30.0))
    source, begin = opened(tmp_path / "r.npy", pace=60), time.monotonic()
    parts = list(source.parts(threading.Event()))
    assert [value for part in parts for value in part] == list(range(30))
    assert time.monotonic() - begin >= 0.5
    assert max(len(part) for part in parts) < 30


def test_what_cannot_be_opened_is_refused(tmp_path):
    with pytest.raises(MissingFileError, match="No such file"):
        opened(tmp_path / "ttyUSB0")
    with pytest.raises(MissingFileError, match=r"none\.csv"):
        opened(tmp_path / "none.csv")
    (tmp_path / "lines").write_text("1\n")
    with pytest.raises(UsageError, match="--pace with a recording"):
        opened(tmp_path / "lines", pace=5)
    ours, theirs = pty.openpty()
    with pytest.raises(UsageError, match="found 12345"):
        opened(os.ttyname(theirs), baud=12345)
    os.close(ours)
    os.close(theirs)
