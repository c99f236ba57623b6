"""Who may ask: the token, the Host header and the origin."""

import hmac
import ipaddress
import secrets
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from bitprior_runtime.errors import UsageError

MIN_TOKEN = 16
_SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address to listen on."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def choose_token(host: str, token: str | None) -> str | None:
    """Return the token to ask for: the one given, or a new one if others can reach the address.

    Raises:
        UsageError: The one given is short, or cannot stand in a URL.
    """
    if token is None:
        return None if is_loopback(host) else secrets.token_urlsafe(24)
    if len(token) < MIN_TOKEN or not set(token) <= _SAFE:
        raise UsageError(
            f"a token of at least {MIN_TOKEN} letters, digits, '-' or '_'",
            f"{len(token)} characters",
            "leave --token out: one is made and printed",
        )
    return token


@dataclass(frozen=True)
class Access:
    """The rules.

    Attributes:
        token: To ask for; None: nobody is asked.
        loopback: Whether only this machine can reach the address.
        names: Names by which the service may be called, lower case.
        cookie: Name of the cookie; cookies of one host are shared by all its ports.
    """

    token: str | None
    loopback: bool
    names: frozenset[str]
    cookie: str

    def host_allowed(self, host: str | None) -> bool:
        """Return whether a Host header names this service.

        A page elsewhere can let its own name point here (DNS rebinding), and the browser then takes
        it for the same origin; but the name in Host is still that page's. An address cannot be
        pointed anywhere.
        """
        try:
            name = urlsplit(f"//{host or ''}").hostname or ""
        except ValueError:
            return False
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return name in self.names
        return address.is_loopback or not self.loopback

    def origin_allowed(self, origin: str | None, host: str | None) -> bool:
        """Return whether a request that changes something comes from our own page, or no page."""
        try:
            return origin is None or urlsplit(origin).netloc.lower() == (host or "").lower()
        except ValueError:
            return False

    def matches(self, token: str) -> bool:
        """Compare a token, in constant time."""
        wanted = (self.token or "").encode()
        return bool(wanted) and hmac.compare_digest(token.encode(errors="replace"), wanted)

    def authorised(self, authorization: str | None, cookies: str | None) -> bool:
        """Return whether a request brings the token, in a header or a cookie."""
        if self.token is None:
            return True
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() == "bearer" and self.matches(token.strip()):
            return True
        # By hand: http.cookies gives up on all of them where one, of another service, is odd.
        pairs = (pair.strip().partition("=") for pair in (cookies or "").split(";"))
        return any(name == self.cookie and self.matches(value) for name, _, value in pairs)

    def cookie_header(self) -> str:
        """Return the Set-Cookie that spares the next request the token."""
        return f"{self.cookie}={self.token}; Path=/; HttpOnly; SameSite=Strict"


def make_access(host: str, port: int, token: str | None, allowed: Iterable[str]) -> Access:
    """Return the rules for a service that listens on ``host``.

    Args:
        host: Address or name to listen on.
        port: Port.
        token: See :func:`choose_token`.
        allowed: Further names it may be called by.
    """
    loopback = is_loopback(host)
    own = set() if loopback else {socket.gethostname(), f"{socket.gethostname()}.local", host}
    names = frozenset(name.lower() for name in {"localhost", *own, *allowed})
    return Access(token, loopback, names, f"bitprior-{port}")
