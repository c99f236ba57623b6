"""A service: camera, worker and web server together, from start to end."""

import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bitprior_devices.cameras.address import open_source
from bitprior_devices.cameras.figures import Figures
from bitprior_devices.cameras.fitting import check_geometry
from bitprior_devices.cameras.grabbing import Grabber, Patience
from bitprior_devices.cameras.newest import Newest
from bitprior_devices.cameras.source import Frame
from bitprior_devices.serve.access import choose_token, make_access
from bitprior_devices.serve.board import Board
from bitprior_devices.serve.handler import Handler
from bitprior_devices.serve.prior import Prior
from bitprior_devices.serve.server import PageServer
from bitprior_devices.serve.uploads import MAX_ROWS
from bitprior_devices.serve.worker import Worker


@dataclass(frozen=True)
class Service:
    """What to serve, and to whom.

    Attributes:
        camera: See :func:`open_source`; None: uploads only.
        host: Address to listen on.
        port: Port; 0: any that is free.
        token: See :func:`choose_token`.
        names: Further names of this machine.
        warm_start: Start from the latent of the frame before.
        patience: Longest wait for a camera that is not there, s.
        frames: End after so many; None: at a signal.
    """

    camera: str | None = None
    host: str = "127.0.0.1"
    port: int = 0
    token: str | None = None
    names: Sequence[str] = ()
    warm_start: bool = False
    patience: float = float("inf")
    frames: int | None = None


def run_service(
    service: Service,
    priors: Sequence[Prior],
    figures: Figures,
    stop: threading.Event,
    ready: Callable[[str], None],
) -> None:
    """Serve the page until told to stop.

    Args:
        service: What, and to whom.
        priors: The bundles; frames go through the first until a page chooses another.
        figures: Filled with what it takes.
        stop: Ends it.
        ready: Called with the page's address once it answers.

    Raises:
        UsageError: A wrong token, no such file or folder for a camera, or an address that cannot be
            listened on.
        CameraError: The camera is not there for longer than the patience.
    """
    camera = service.camera
    if camera is not None:
        for prior in priors:
            check_geometry(prior.model.geometry)
        _check_recording(camera)
    token = choose_token(service.host, service.token)
    with PageServer(service.host, service.port, Handler) as server:
        board = Board(_state(priors, camera))
        priors[0].prepare()
        feed: Newest[Frame] | None = None
        if camera is not None:
            feed = Newest(iter(_grabber(camera, stop, figures, service.patience, board)))
        server.board = board
        server.worker = Worker(priors, feed, board, figures, service.warm_start)
        try:
            with answering(server, service, token, stop, ready):
                server.worker.run(stop, service.frames)
        finally:
            stop.set()
            if feed is not None:
                feed.join()


@contextmanager
def answering(
    server: PageServer,
    service: Service,
    token: str | None,
    stop: threading.Event,
    ready: Callable[[str], None],
) -> Iterator[None]:
    """Answer pages for as long as the block runs; set ``stop`` at its end.

    Args:
        server: With its board.
        service: Whom it answers.
        token: As chosen for it.
        stop: Set at the end.
        ready: Called with the page's address once it answers.
    """
    server.access = make_access(service.host, server.server_port, token, service.names)
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    try:
        ready(_address(service.host, server.server_port, token))
        yield
    finally:
        stop.set()
        server.board.close()
        server.shutdown()
        thread.join()


def _grabber(
    camera: str, stop: threading.Event, figures: Figures, patience: float, board: Board
) -> Grabber:
    def tell(text: str, there: bool) -> None:
        print(text, file=sys.stderr, flush=True)
        board.update(message="" if there else text)

    return Grabber(
        partial(open_source, camera),
        stop,
        figures,
        patience=Patience(patience),
        realtime=True,
        again=True,
        told=tell,
    )


def _check_recording(camera: str) -> None:
    """Open a file or folder once, so that a wrong name is an error before anything is served."""
    if Path(camera).exists() and not camera.startswith("/dev/"):
        open_source(camera).close()


def _state(priors: Sequence[Prior], camera: str | None) -> dict[str, Any]:
    return {
        "bundles": [
            {
                "label": prior.label,
                "name": prior.model.bundle.manifest.name,
                "measurements": prior.measurements,
                "geometry": list(prior.model.geometry),
            }
            for prior in priors
        ],
        "selected": 0,
        "camera": camera is not None,
        "message": "",
        "rows": MAX_ROWS,
    }


def _address(host: str, port: int, token: str | None) -> str:
    name = socket.gethostname() if host in ("0.0.0.0", "::") else host
    name = f"[{name}]" if ":" in name else name
    return f"http://{name}:{port}/" + (f"?token={token}" if token else "")
