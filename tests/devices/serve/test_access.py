"""Who may ask the live page."""

import socket

import pytest

from bitprior_devices.serve.access import choose_token, is_loopback, make_access
from bitprior_runtime.errors import UsageError

TOKEN = "a-token-of-24-characters"


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True), ("127.3.2.1", True), ("::1", True), ("localhost", True),
        ("0.0.0.0", False), ("::", False), ("192.0.2.7", False), ("board.local", False),
        ("", False),
    ],
)  # fmt: skip
def test_a_token_is_made_where_others_can_reach_the_address(host, loopback):
    assert is_loopback(host) is loopback
    made = choose_token(host, None)
    assert (made is None) is loopback
    if made:
        assert len(made) >= 32
        assert choose_token(host, None) != made
    assert choose_token(host, TOKEN) == TOKEN


@pytest.mark.parametrize(
    "token", ["", "short", "a" * 15, "with a space in it, long", "x" * 20 + "é"]
)
def test_a_token_is_long_and_fits_into_a_url(token):
    with pytest.raises(UsageError, match="at least 16"):
        choose_token("127.0.0.1", token)


LOCAL = make_access("127.0.0.1", 8765, None, ["lab.example"])
OPEN = make_access("0.0.0.0", 8765, TOKEN, ["Lab.Example"])


@pytest.mark.parametrize(
    ("host", "local", "reachable"),
    [
        ("127.0.0.1:8765", True, True),
        ("localhost", True, True),
        ("LOCALHOST:9999", True, True),  # another port: a tunnel
        ("[::1]:8765", True, True),
        ("lab.example:8765", True, True),
        ("192.0.2.7:8765", False, True),
        (f"{socket.gethostname()}:8765", False, True),
        (f"{socket.gethostname()}.local", False, True),
        ("evil.example", False, False),
        ("localhost.evil.example", False, False),
        ("127.0.0.1.evil.example", False, False),
        ("evil.example:80@127.0.0.1", True, True),  # names 127.0.0.1; evil.example is a user
        ("[", False, False),
        ("", False, False),
        (None, False, False),
    ],
)
def test_a_host_header_must_name_the_service(host, local, reachable):
    assert LOCAL.host_allowed(host) is local
    assert OPEN.host_allowed(host) is reachable


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, True),
        ("http://127.0.0.1:8765", True),
        ("https://127.0.0.1:8765", True),  # behind a proxy
        ("http://127.0.0.1:80", False),
        ("http://evil.example", False),
        ("null", False),
        ("http://[", False),
        ("", False),
    ],
)
def test_a_page_of_another_site_may_not_change_anything(origin, allowed):
    assert LOCAL.origin_allowed(origin, "127.0.0.1:8765") is allowed


def test_without_a_token_nobody_is_asked():
    assert LOCAL.authorised(None, None)
    assert not LOCAL.matches("")


@pytest.mark.parametrize(
    ("authorization", "cookies", "allowed"),
    [
        (f"Bearer {TOKEN}", None, True),
        (f"bearer  {TOKEN} ", None, True),
        (None, f"other=1; bitprior-8765={TOKEN}", True),
        (None, None, False),
        (f"Basic {TOKEN}", None, False),
        ("Bearer", None, False),
        ("Bearer " + TOKEN[:-1], None, False),
        ("Bearer \udcff", None, False),
        (None, f"bitprior-8766={TOKEN}", False),
        (None, "bitprior-8765=", False),
        (None, 'bad"; ,=\x00', False),
        (None, f"a/b=c; bitprior-8765={TOKEN}", True),
    ],
)
def test_the_token_comes_in_a_header_or_a_cookie(authorization, cookies, allowed):
    assert OPEN.authorised(authorization, cookies) is allowed


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites():
    assert OPEN.cookie_header() == f"bitprior-8765={TOKEN}; Path=/; HttpOnly; SameSite=Strict"
