"""Fifty clients at once: everybody gets an answer, and memory stays where it is."""

import io
import json
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from bitprior_runtime import load
from builders.live_page import LivePage
from builders.videos import write_video

CLIENTS = 50
UPLOADS = 4


def resident_mb(process):
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1024


@pytest.fixture
def service(bundle_path, tmp_path):
    film = write_video(tmp_path / "film.avi", count=5)
    command = [sys.executable, "-m", "bitprior_runtime", "serve", bundle_path, "--camera", film]
    with subprocess.Popen(
        [*map(str, command), "--port", "0", "--steps", "3", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            url = process.stderr.readline().removeprefix("Serving on ").strip()
            yield process, LivePage(url)
        finally:
            process.kill()


def test_fifty_clients_all_get_answers_and_memory_is_bounded(service, bundle_path):
    process, page = service
    y = io.BytesIO()
    np.save(y, load(bundle_path).bundle.golden.measurements)
    statuses, failures = [], []

    def look_on():
        with page.events() as events:
            for _ in range(6):
                next(events)

    def send():
        for _ in range(UPLOADS):
            while (answer := page.ask("/recover", "POST", y.getvalue())).status == 503:
                statuses.append(503)
                time.sleep(0.1 * int(answer.headers["Retry-After"]))
            assert len(json.loads(answer.body)["recovered"]) == 3
            statuses.append(answer.status)

    def attempt(action):
        try:
            action()
        except Exception as error:  # reported below, with all others
            failures.append(error)

    def crowd():
        threads = [
            threading.Thread(target=attempt, args=(send if index % 2 else look_on,))
            for index in range(CLIENTS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    page.ask("/")
    crowd()
    before = resident_mb(process)
    crowd()
    after = resident_mb(process)
    assert failures == []
    assert statuses.count(200) == CLIENTS // 2 * UPLOADS * 2
    assert set(statuses) <= {200, 503}
    assert after - before < 8
    figures = json.loads(page.ask("/figures").body)
    assert figures["frames"] > 5
    process.terminate()
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    assert json.loads(out)["frames"] >= figures["frames"]
