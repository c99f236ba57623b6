"""The answers of the live page."""

import io
import json
import time
from collections.abc import Callable, Mapping
from functools import cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from importlib.resources import files
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from bitprior_devices.serve.board import Seen
from bitprior_devices.serve.refused import RefusedError
from bitprior_devices.serve.server import DeadlineReader, PageServer
from bitprior_devices.serve.snapshot import recovered
from bitprior_devices.serve.uploads import body_size, read_measurements, upload_limit
from bitprior_devices.serve.worker import Upload
from bitprior_runtime.bundle.strict_json import parse
from bitprior_runtime.errors import BitpriorError

# Seconds for a whole request to arrive, and for one write to be taken.
READ_SECONDS = 15.0
WRITE_SECONDS = 10.0
# Seconds between two events to one page, at least; and at most, so that a dead one is noticed.
EVENT_SECONDS = 0.1
KEEP_ALIVE_SECONDS = 15.0
MAX_JSON = 1024

_FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/drawing.js": ("drawing.js", "text/javascript; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
    "/favicon.ico": ("icon.svg", "image/svg+xml"),  # where browsers look before they have the page
}
# The page loads nothing from elsewhere, runs no inline script, and stands in no other page's frame.
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
# A redirect that began on another site would not bring a strict cookie; a page's own refresh does.
_WELCOME = b'<!doctype html><meta http-equiv="refresh" content="0;url=/"><title>bitprior</title>'


@cache
def _asset(name: str) -> bytes:
    return (files("bitprior_devices.serve") / "page" / name).read_bytes()


class Handler(BaseHTTPRequestHandler):
    """Answers one request of one connection; HTTP/1.0, so that nothing stays open by itself."""

    server: PageServer
    timeout = WRITE_SECONDS
    # What is too broken to name a version gets headers all the same.
    default_request_version = "HTTP/1.0"
    # Addresses, with the file of each and its type.
    pages: ClassVar[Mapping[str, tuple[str, str]]] = _FILES

    def setup(self) -> None:
        """Read with a deadline instead of a timeout that every byte sets back."""
        super().setup()
        self.rfile.close()
        self.rfile = io.BufferedReader(DeadlineReader(self.connection, READ_SECONDS))

    def do_GET(self) -> None:
        """Answer with a file, the figures, or events without end."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """Switch the bundle, or recover what is uploaded."""
        self._answer(self._post)

    def _answer(self, method: Callable[[str], None]) -> None:
        try:
            address = self._admitted()
            if address is not None:
                method(address)
        except RefusedError as refusal:
            self._send_text(refusal.status, str(refusal), **refusal.headers)
        except BitpriorError as error:
            self._send_text(HTTPStatus.BAD_REQUEST, str(error))

    def _admitted(self) -> str | None:
        """Check host, token and origin; return the path, or None if the answer is given."""
        access, headers = self.server.access, self.headers
        if not access.host_allowed(headers.get("Host")):
            raise RefusedError(
                HTTPStatus.MISDIRECTED_REQUEST,
                "this service does not answer to that name; use its address, or start it with "
                "--allow-host NAME",
            )
        try:
            parts = urlsplit(self.path)
        except ValueError:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "no such address") from None
        if self.command == "POST" and not access.origin_allowed(
            headers.get("Origin"), headers.get("Host")
        ):
            raise RefusedError(HTTPStatus.FORBIDDEN, "another site may not ask this")
        if self.command == "GET" and access.token is not None:
            given = parse_qs(parts.query).get("token", [""])[0]
            if access.matches(given):
                cookie = access.cookie_header()
                self._send(HTTPStatus.OK, "text/html", _WELCOME, {"Set-Cookie": cookie})
                return None
        if not access.authorised(headers.get("Authorization"), headers.get("Cookie")):
            raise RefusedError(
                HTTPStatus.UNAUTHORIZED,
                "a token is needed: open the link that bitprior serve has printed",
                **{"WWW-Authenticate": "Bearer"},
            )
        return parts.path

    def _get(self, address: str) -> None:
        if address in self.pages:
            name, kind = self.pages[address]
            self._send(HTTPStatus.OK, kind, _asset(name))
        elif address == "/figures":
            self._send_json(self._figures())
        elif address == "/events":
            self._send_events()
        else:
            raise RefusedError(HTTPStatus.NOT_FOUND, "no such page")

    def _figures(self) -> dict[str, Any]:
        return self.server.worker.figures.as_json()

    def _post(self, address: str) -> None:
        if address == "/bundle":
            index = self._index(self.rfile.read(body_size(self.headers, MAX_JSON)))
            self.server.worker.select(index)
            self._send_json({"selected": index})
        elif address == "/recover":
            self._recover()
        else:
            raise RefusedError(HTTPStatus.NOT_FOUND, "no such page")

    @staticmethod
    def _index(body: bytes) -> int:
        try:
            fields = parse(body, "the request")
        except BitpriorError:
            fields = None
        index = fields.get("index") if isinstance(fields, dict) else None
        if not isinstance(index, int) or isinstance(index, bool):
            raise RefusedError(HTTPStatus.BAD_REQUEST, 'send {"index": 0}, the number of a bundle')
        return index

    def _recover(self) -> None:
        worker = self.server.worker
        bundle = worker.selected
        prior = worker.priors[bundle]
        size = body_size(self.headers, upload_limit(prior.measurements))
        if not worker.slots.acquire(blocking=False):
            self._discard(size)
            raise RefusedError(
                HTTPStatus.SERVICE_UNAVAILABLE, "too many uploads", **{"Retry-After": "1"}
            )
        try:
            y = read_measurements(self.rfile, size, prior.measurements)
            begin = time.perf_counter()
            recovery = worker.submit(Upload(bundle, y))
        finally:
            worker.slots.release()
        if recovery is None:
            raise RefusedError(HTTPStatus.INTERNAL_SERVER_ERROR, "the recovery failed")
        self._send_json(
            {
                "bundle": prior.label,
                "ms": 1e3 * (time.perf_counter() - begin),
                "recovered": [recovered(recovery, row) for row in range(len(y))],
            }
        )

    def _send_events(self) -> None:
        if not self.server.pages.acquire(blocking=False):
            raise RefusedError(
                HTTPStatus.SERVICE_UNAVAILABLE, "too many pages look on", **{"Retry-After": "5"}
            )
        try:
            self._start(HTTPStatus.OK, "text/event-stream", {})
            board, seen = self.server.board, Seen()
            while not board.closed.is_set():
                seen, events = board.wait(seen, KEEP_ALIVE_SECONDS)
                for name, data in events:
                    self.wfile.write(b"event: " + name.encode() + b"\ndata: " + data + b"\n\n")
                if not events:
                    self.wfile.write(b": nothing new\n\n")
                board.closed.wait(EVENT_SECONDS)
        finally:
            self.server.pages.release()

    def _discard(self, size: int) -> None:
        """Read a body and forget it: unread, it would take the answer back with it."""
        while size > 0 and (part := self.rfile.read(min(size, 65536))):
            size -= len(part)

    def _send_json(self, value: Any) -> None:
        self._send(HTTPStatus.OK, "application/json", json.dumps(value).encode())

    def _send_text(self, status: HTTPStatus, text: str, **headers: str) -> None:
        self._send(status, "text/plain; charset=utf-8", f"{text}\n".encode(), headers)

    def _send(
        self,
        status: HTTPStatus,
        kind: str,
        body: bytes,
        headers: dict[str, str] | None = None,
    ) -> None:
        self._start(status, kind, {"Content-Length": str(len(body)), **(headers or {})})
        self.wfile.write(body)

    def _start(self, status: HTTPStatus, kind: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, **headers, **_HEADERS}.items():
            self.send_header(name, value)
        self.end_headers()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what the base class refuses, with our headers and nothing of the request."""
        self._send_text(HTTPStatus(code), HTTPStatus(code).phrase)

    def version_string(self) -> str:
        """Name no versions."""
        return "bitprior"

    def log_message(self, format: str, *args: Any) -> None:
        """Keep no log: addresses have tokens in them."""
