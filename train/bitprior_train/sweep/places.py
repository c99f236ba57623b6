"""Where runs are carried out: processes of this machine, or a Ray cluster."""

import os
import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from logging import WARNING
from typing import Any

from bitprior_runtime.errors import MissingExtraError, UsageError
from bitprior_train.sweep.execute import Outcome, execute
from bitprior_train.sweep.plan import Job
from bitprior_train.sweep.schedule import Submit

LOCAL = "local"
_PATIENCE = 10.0  # seconds
# What a run reads from the environment; Ray's workers have their own.
_ENVIRONMENT = ("BITPRIOR_DATA", "BITPRIOR_CACHE")


@contextmanager
def processes(jobs: int) -> Iterator[Submit]:
    """Carry out ``jobs`` runs at a time on this machine; each is a process, watched by a thread."""
    pool = ThreadPoolExecutor(jobs)
    try:
        yield lambda job: pool.submit(execute, job, {})
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def ray_cluster(address: str, cpus: int) -> Iterator[Submit]:
    """Carry out runs on a Ray cluster, each on as many CPUs as it has threads.

    Its machines need bitprior, and the runs' folder and the data at the same paths.

    Args:
        address: Of the cluster, or ``local``, which starts one on this machine for as long.
        cpus: CPUs of a local one.

    Raises:
        UsageError: No cluster there.
    """
    # Ray reports its use to its makers unless it is told not to; the user may tell it to.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    own: dict[str, Any] = {"num_cpus": cpus, "include_dashboard": False} if address == LOCAL else {}
    try:
        _reach(address)
        ray.init(address, log_to_driver=False, logging_level=WARNING, **own)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"a Ray cluster at {address}", " ".join(str(error).split()), "start it, or use 'local'"
        ) from error
    # A run that fails does so for good reasons: its own checkpoints are what it is repeated from.
    remote = ray.remote(max_retries=0)(execute)
    given = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}

    def submit(job: Job) -> "Future[Outcome]":
        future: Future[Outcome] = (
            remote.options(num_cpus=job.config.run.threads).remote(job, given).future()
        )
        return future

    try:
        yield submit
    finally:
        ray.shutdown()


def _reach(address: str) -> None:
    """Raise OSError if nothing listens at ``host:port``: Ray itself tries for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon:
        socket.create_connection((host, int(port)), _PATIENCE).close()


def check_ray() -> None:
    """Refuse to use Ray where it is not installed.

    Raises:
        MissingExtraError: It is not.
    """
    if find_spec("ray") is None:
        raise MissingExtraError("ray", "ray", "--ray")
