"""The web server: so many connections and no more, and each only for so long."""

import io
import socket
import sys
import threading
import time
from http.server import ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

from bitprior_devices.serve.access import Access
from bitprior_devices.serve.board import Board
from bitprior_devices.serve.worker import Worker
from bitprior_runtime.errors import UsageError

# Connections at a time; pages that look on hold one each, and leave some for other requests.
MAX_CONNECTIONS = 96
MAX_PAGES = 64
_FULL = (
    b"HTTP/1.0 503 Service Unavailable\r\nRetry-After: 2\r\nContent-Type: text/plain\r\n"
    b"X-Content-Type-Options: nosniff\r\nContent-Length: 21\r\n\r\ntoo many connections\n"
)


class PageServer(ThreadingHTTPServer):
    """Serves the live page.

    Args:
        host: Address to listen on.
        port: Port; 0 for any that is free.
        handler: Class that answers a request.

    Attributes:
        access: Who may ask; set before the first request.
        board: What the pages show.
        worker: What recovers.
        pages: Taken for as long as a page looks on.

    Raises:
        UsageError: The address is in use, or not this machine's.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    access: Access
    board: Board
    worker: Worker

    def __init__(self, host: str, port: int, handler: type[Any]) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.pages = threading.BoundedSemaphore(MAX_PAGES)
        self._free = threading.BoundedSemaphore(MAX_CONNECTIONS)
        try:
            super().__init__((host, port), handler)
        except OSError as error:
            raise UsageError(
                f"to listen on {host} port {port}",
                error.strerror or str(error),
                "choose another --port or --host",
            ) from error

    def server_bind(self) -> None:
        """Bind, without the name lookup of the base class, which waits where there is no DNS."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own, or at once that there are too many."""
        if self._free.acquire(blocking=False):
            try:
                super().process_request(request, client_address)
            except RuntimeError:  # the system has no thread left
                self._free.release()
                raise
            return
        try:
            request.setblocking(False)
            request.sendall(_FULL)
            # Unread bytes at the close would take the answer back.
            request.recv(65536)
        except OSError:
            pass
        self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and make room for the next."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that go away in the middle."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class DeadlineReader(io.RawIOBase):
    """Reads from a connection until a point in time, however slowly bytes drip in.

    Args:
        connection: The socket.
        seconds: From now.
    """

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        super().__init__()
        self._connection = connection
        self._end = time.monotonic() + seconds

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what is there.

        Raises:
            TimeoutError: The time is up.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request took too long")
        before = self._connection.gettimeout()
        self._connection.settimeout(left)
        try:
            return self._connection.recv_into(buffer)
        finally:
            self._connection.settimeout(before)
