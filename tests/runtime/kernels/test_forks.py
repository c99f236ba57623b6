"""A child that is forked while another thread recovers works, and gets the same bits."""

import os
import select
import threading
import warnings
from dataclasses import replace

import numpy as np
import pytest

from bitprior_runtime.bundle import Calibration
from bitprior_runtime.kernels import forks
from bitprior_runtime.model import Model
from builders.bundles import tiny_bundle

FORKS = 5


def child_gives(work, seconds=20.0):
    """Fork; return the bytes that ``work`` gives in the child, or None if it takes too long."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer Pythons warn of forks beside threads
        child = os.fork()
    if child == 0:
        try:
            os.write(writing, work())
        finally:
            os._exit(0)
    os.close(writing)
    ready, _, _ = select.select([reading], [], [], seconds)
    answer = os.read(reading, 4096) if ready else None
    if not ready:
        os.kill(child, 9)
    os.waitpid(child, 0)
    os.close(reading)
    return answer


def calibrated():
    """Return a bundle that both engines run."""
    bundle = tiny_bundle(4)
    absmax = {
        program.name: dict.fromkeys([*program.inputs, *(n.output for n in program.nodes)], 4.0)
        for program in (bundle.generator, bundle.sensing)
    }
    return replace(bundle, manifest=replace(bundle.manifest, calibration=Calibration(16, absmax)))


@pytest.mark.parametrize("engine", ["float", "integer"])
def test_a_child_forked_while_another_thread_recovers_works(engine):
    model = Model(calibrated(), 0)
    y = np.array([[0.3, 0.1, 0.2]], np.float32)
    made = model.engine(engine, "native", 2)
    expected = model.recover(y, engine=engine, kernel="native", threads=2, steps=5).latent.tobytes()
    done = threading.Event()

    def work():
        many = np.repeat(y, 200, axis=0)
        while not done.is_set():
            model.recover(many, engine=engine, kernel="native", threads=2, steps=200)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(FORKS):
            lock = getattr(made, "_kernels", made)._lock
            while not lock.locked():
                pass

            def recover():
                options = {"engine": engine, "kernel": "native", "threads": 2}
                return model.recover(y, **options, steps=5).latent.tobytes()

            assert child_gives(recover) == expected
    finally:
        done.set()
        thread.join()


def test_an_engine_that_was_idle_stays_as_it_is():
    made = Model(tiny_bundle(4), 0).engine("float", "native")
    lock = made._lock
    forks._renew()
    assert made._lock is lock
    with lock:
        forks._renew()
        assert made._lock is not lock
