"""A live page served from a thread of the test."""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from bitprior_devices.cameras.figures import Figures
from bitprior_devices.serve.growing import Growing
from bitprior_devices.serve.prior import Wishes, make_priors
from bitprior_devices.serve.readings_page import run_readings
from bitprior_devices.serve.service import Service, run_service
from bitprior_runtime import load

# A machine that stands still for half a minute is no failure of the page.
_SECONDS = 120


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class LivePage:
    """Where the page is, and how its service ended.

    Attributes:
        url: Address, with the token if there is one.
        figures: Of the service.
        errors: What ended it, other than being told to.
    """

    url: str = ""
    figures: Figures = field(default_factory=Figures)
    errors: list[BaseException] = field(default_factory=list)
    thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port it listens on."""
        return urlsplit(self.url).port or 0

    def ask(self, path="/", method="GET", body=None, **headers) -> Answer:
        """Send one request; a header given as None is left out."""
        wanted = {"Host": f"127.0.0.1:{self.port}"}
        if body is not None:
            wanted["Content-Length"] = str(len(body))
        wanted |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_SECONDS)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in wanted.items():
                if value is not None:
                    connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
            return Answer(response.status, dict(response.headers), response.read())
        finally:
            connection.close()

    @contextmanager
    def events(self, **headers: str) -> Iterator[Iterator[tuple[str, bytes]]]:
        """Look on, as a page does: iterate over (name, data)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_SECONDS)
        try:
            connection.request("GET", "/events", headers=headers)
            yield _events(connection.getresponse())
        finally:
            connection.close()


def _events(response: http.client.HTTPResponse) -> Iterator[tuple[str, bytes]]:
    assert response.status == 200, response.read()
    name = ""
    for line in response:
        key, _, value = line.rstrip(b"\n").partition(b": ")
        if key == b"event":
            name = value.decode()
        elif key == b"data":
            yield name, value


@contextmanager
def live_page(*bundles: Path, wishes: Wishes | None = None, **options) -> Iterator[LivePage]:
    """Serve bundles; end with the block, and wait for the end."""
    priors = make_priors([(path, load(path)) for path in bundles], wishes or Wishes(steps=3))
    figures = Figures()

    def run(stop: threading.Event, told: Callable[[str], None]) -> None:
        run_service(Service(**options), priors, figures, stop, told)

    with _served(run) as page:
        page.figures = figures
        yield page


@contextmanager
def readings_page(growing: Growing, **options) -> Iterator[LivePage]:
    """Serve a picture that grows; end with the block, and wait for the end."""

    def run(stop: threading.Event, told: Callable[[str], None]) -> None:
        run_readings(Service(**options), growing, stop, told)

    with _served(run) as page:
        yield page


@contextmanager
def _served(serve: Callable[[threading.Event, Callable[[str], None]], None]) -> Iterator[LivePage]:
    page, stop, ready = LivePage(), threading.Event(), threading.Event()

    def told(url: str) -> None:
        page.url = url
        ready.set()

    def run() -> None:
        try:
            serve(stop, told)
        except BaseException as error:
            page.errors.append(error)
        finally:
            ready.set()

    page.thread = threading.Thread(target=run)
    page.thread.start()
    try:
        assert ready.wait(30)
        yield page
    finally:
        stop.set()
        page.thread.join(30)
        assert not page.thread.is_alive()
