"""A web server on the loopback interface that hands out files, and can break off."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FileServer:
    """What is served, how, and what was asked.

    Attributes:
        files: Contents by name.
        breaks: For each request in turn, the number of bytes of its answer after which the
            connection is closed; when used up, answers are whole.
        ranges: Whether ``Range`` is honoured.
        statuses: Status and nothing else for the next requests, in turn.
        asked: Name and ``Range`` of every request.
        url: Where the files are, ending in a slash.
    """

    files: dict[str, bytes]
    breaks: list[int] = field(default_factory=list)
    ranges: bool = True
    statuses: list[int] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[FileServer]:
    """Serve files until the end of the block."""
    shared = FileServer(files)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name, asked = self.path[1:], self.headers.get("Range", "")
            shared.asked.append((name, asked))
            if shared.statuses:
                self.send_error(shared.statuses.pop(0))
                return
            if name not in shared.files:
                self.send_error(404)
                return
            self._answer(shared.files[name], asked)

        def _answer(self, data: bytes, asked: str) -> None:
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and shared.ranges else 0
            if start > len(data):
                self.send_error(416)
                return
            self.send_response(206 if asked and shared.ranges else 200)
            if shared.ranges:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            rest = data[start:]
            self.wfile.write(rest[: shared.breaks.pop(0)] if shared.breaks else rest)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    shared.url = f"http://127.0.0.1:{server.server_port}/"
    try:
        yield shared
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
