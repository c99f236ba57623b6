"""The page of a picture that grows with its readings."""

import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, ClassVar

from bitprior_devices.serve.access import choose_token
from bitprior_devices.serve.growing import Growing
from bitprior_devices.serve.handler import Handler
from bitprior_devices.serve.refused import RefusedError
from bitprior_devices.serve.server import PageServer
from bitprior_devices.serve.service import Service, answering


class ReadingsServer(PageServer):
    """Serves the page of readings.

    Attributes:
        growing: What recovers.
    """

    growing: Growing


class ReadingsHandler(Handler):
    """Answers with another page; nothing can be changed from it."""

    server: ReadingsServer
    pages: ClassVar[Mapping[str, tuple[str, str]]] = {
        **{address: file for address, file in Handler.pages.items() if address != "/page.js"},
        "/": ("readings.html", "text/html; charset=utf-8"),
        "/readings.js": ("readings.js", "text/javascript; charset=utf-8"),
    }

    def _figures(self) -> dict[str, Any]:
        return self.server.growing.as_json()

    def _post(self, address: str) -> None:
        raise RefusedError(HTTPStatus.NOT_FOUND, "no such page")


def run_readings(
    service: Service, growing: Growing, stop: threading.Event, ready: Callable[[str], None]
) -> None:
    """Serve the page until told to stop.

    Args:
        service: To whom; its camera and frames do not count.
        growing: What takes readings and recovers.
        stop: Ends it.
        ready: Called with the page's address once it answers.

    Raises:
        UsageError: A wrong token, or an address that cannot be listened on.
    """
    token = choose_token(service.host, service.token)
    with ReadingsServer(service.host, service.port, ReadingsHandler) as server:
        server.board, server.growing = growing.board, growing
        taking = threading.Thread(target=growing.take, args=(stop,), daemon=True)
        with answering(server, service, token, stop, ready):
            taking.start()
            growing.run(stop)
